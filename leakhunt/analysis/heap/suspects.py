"""Leak suspects and the top of the dominator tree, in the manner of Eclipse MAT (`FindLeaksQuery`)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

import numpy as np

from leakhunt.analysis.heap.analysed import HeapAnalysis, summary
from leakhunt.analysis.heap.holding import MOST
from leakhunt.analysis.heap.naming import is_namespace
from leakhunt.analysis.heap.sites import sites_of
from leakhunt.model.heap import Column, Family
from leakhunt.model.heap_view import DominatorNode, Dominators, HeapSuspect, Step, TypeRow
from leakhunt.units import Bytes

THRESHOLD: Final = 0.1
"""Of the heap: what retains more is a suspect. MAT's report on leak suspects takes as much."""
DROP: Final = 0.7
"""Where the largest child has less than this of its parent, memory comes together in many: MAT's `big_drop_ratio`."""
_TOGETHER: Final = 0.8
"""A path is followed as long as it has this share of the objects."""
_DEEPEST: Final = 1000
_LIST: Final = 10
_CODE: Final = frozenset({Family.MODULE, Family.CLASS, Family.FUNCTION, Family.CODE, Family.FRAME})


class Children:
    """What each object dominates immediately."""

    def __init__(self, heap: HeapAnalysis) -> None:
        tree = heap.tree
        self._order = np.argsort(tree.parents[1:], kind="stable") + 1
        self._starts = np.zeros(len(tree.order) + 1, dtype=np.int64)
        np.cumsum(np.bincount(tree.parents[1:], minlength=len(tree.order)), out=self._starts[1:])
        self._retained = tree.retained

    def of(self, rank: int) -> Column:
        """Ranks, the largest first."""
        found = self._order[self._starts[rank] : self._starts[rank + 1]]
        column: Column = found[np.argsort(-self._retained[found], kind="stable")]
        return column


def dominators(heap: HeapAnalysis, *, threshold: float = THRESHOLD, depth: int = 6, rows: int = _LIST) -> Dominators:
    """The suspects, and the dominator tree down to `depth` with at most `rows` children of each node."""
    children = Children(heap)
    found = _suspects(heap, children, threshold)
    least = int(heap.tree.retained[0] / 1000)
    tree = tuple(_node(heap, children, int(rank), depth, rows, least) for rank in children.of(0)[:rows])
    return Dominators(summary(heap), found, tree)


def accumulation_point(heap: HeapAnalysis, children: Children, rank: int) -> int:
    """Down from an object along the largest child, the first that has no child with most of what it retains."""
    for _ in range(_DEEPEST):
        below = children.of(rank)
        if not len(below) or heap.tree.retained[below[0]] < DROP * heap.tree.retained[rank]:
            return rank
        rank = int(below[0])
    return rank


def _suspects(heap: HeapAnalysis, children: Children, threshold: float) -> tuple[HeapSuspect, ...]:
    least = max(1, int(heap.tree.retained[0] * threshold))
    top = children.of(0)
    single = [int(rank) for rank in top[heap.tree.retained[top] >= least]]
    found = [_single(heap, children, rank) for rank in single]
    groups: defaultdict[int, list[int]] = defaultdict(list)
    sums: Counter[int] = Counter()
    for rank in top[len(single) :].tolist():
        number = int(heap.tree.order[rank])
        if not _is_code(heap, number):
            groups[int(heap.kinds[number])].append(rank)
            sums[int(heap.kinds[number])] += int(heap.tree.retained[rank])
    found += [_group(heap, children, groups[kind]) for kind, size in sums.items() if size >= least]
    return tuple(sorted(found, key=lambda suspect: -suspect.retained))


def _is_code(heap: HeapAnalysis, number: int) -> bool:
    """What every program has: modules, classes and functions, and what these consist of."""
    way = heap.reach.way_to(heap.graph, number)
    if heap.graph.family(number) in _CODE:
        return True
    return len(way) > 1 and is_namespace(heap.graph, way[-2][0], number) and heap.graph.family(way[-2][0]) in _CODE


def _single(heap: HeapAnalysis, children: Children, rank: int) -> HeapSuspect:
    point = accumulation_point(heap, children, rank)
    number = int(heap.tree.order[point])
    retained = int(heap.tree.retained[rank])
    held = heap.held(number)
    sampled, sites = sites_of(heap.graph, heap.tree, rank)
    return HeapSuspect(
        name=_called(heap, int(heap.tree.order[rank])),
        count=1,
        retained=retained,
        share=retained / int(heap.tree.retained[0]),
        path=held.path,
        point=held,
        holds=by_type(heap, children.of(point)),
        sampled=sampled,
        sites=sites,
    )


def _group(heap: HeapAnalysis, children: Children, ranks: list[int]) -> HeapSuspect:
    """Objects of one type that nothing holds in common: they are suspects together, with the path that most share."""
    retained = int(heap.tree.retained[ranks].sum())
    numbers = heap.tree.order[ranks]
    sample = numbers[:: -(-len(numbers) // MOST)].tolist()
    below = np.concatenate([children.of(rank) for rank in ranks[:MOST]])
    return HeapSuspect(
        name=heap.names[int(heap.kinds[numbers[0]])],
        count=len(ranks),
        retained=retained,
        share=retained / int(heap.tree.retained[0]),
        path=shared_path([heap.path(number, masked=True) for number in sample]),
        point=None,
        holds=by_type(heap, below),
    )


def shared_path(paths: list[tuple[Step, ...]]) -> tuple[Step, ...]:
    """As far as most of the paths go the same way; nothing if they differ from the beginning."""
    found: list[Step] = []
    going = paths
    for depth in range(_DEEPEST):
        steps = Counter(path[depth] for path in going if len(path) > depth)
        if not steps:
            break
        step, count = steps.most_common(1)[0]
        if count < _TOGETHER * len(paths):
            break
        found.append(Step(step.edge, step.object, count))
        going = [path for path in going if len(path) > depth and path[depth] == step]
    return tuple(found)


def by_type(heap: HeapAnalysis, ranks: Column, most: int = 5) -> tuple[TypeRow, ...]:
    """These objects by type, what retains most first."""
    numbers = heap.tree.order[ranks]
    kinds, inverse = np.unique(heap.kinds[numbers], return_inverse=True)
    counts = np.bincount(inverse, minlength=len(kinds))
    shallow = np.bincount(inverse, weights=heap.graph.sizes[numbers], minlength=len(kinds))
    retained = np.bincount(inverse, weights=heap.tree.retained[ranks], minlength=len(kinds))
    order = np.argsort(-retained, kind="stable")[:most]
    return tuple(
        TypeRow(heap.names[int(kinds[each])], int(counts[each]), int(shallow[each]), int(retained[each]))
        for each in order
    )


def _node(heap: HeapAnalysis, children: Children, rank: int, depth: int, rows: int, least: Bytes) -> DominatorNode:
    """Below it children that hold most of it one by one; where there are many small ones, by type."""
    number = int(heap.tree.order[rank])
    retained = int(heap.tree.retained[rank])
    below = children.of(rank)
    gathers = not len(below) or heap.tree.retained[below[0]] < DROP * retained
    shown: tuple[DominatorNode, ...] = ()
    if depth > 1:
        large = [int(each) for each in below[:rows] if heap.tree.retained[each] >= max(least, retained // 20)]
        shown = tuple(_node(heap, children, each, depth - 1, rows, least) for each in large)
        shown += tuple(
            DominatorNode(row.type, row.retained, row.shallow, row.count, None)
            for row in by_type(heap, below[len(large) :])
            if row.retained >= max(least, retained // 20)
        )
    return DominatorNode(
        name=_called(heap, number),
        retained=retained,
        shallow=int(heap.graph.sizes[number]),
        count=1,
        address=int(heap.graph.addresses[number]),
        children=shown,
        accumulation=gathers and len(below) > 0 and retained >= THRESHOLD * int(heap.tree.retained[0]),
    )


def _called(heap: HeapAnalysis, number: int) -> str:
    """By the last step of its path, and its type."""
    path = heap.path(number)
    if len(path) == 1:
        return path[-1].object
    return f"{path[-2].object}.__dict__" if path[-1].edge == ".__dict__" else f"{path[-1].edge} {path[-1].object}"
