"""A heap with all that is computed once: what can be reached, and the dominator tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leakhunt.analysis.heap.dominators import DominatorTree, dominator_tree
from leakhunt.analysis.heap.naming import describe, steps
from leakhunt.analysis.heap.reach import FAR, OUTSIDE, Reach, reach
from leakhunt.analysis.heap.sites import called
from leakhunt.model.heap import Column, Family, HeapGraph
from leakhunt.model.heap_view import HeapSummary, HeldObject, Step, TypeRow

_CONTAINERS = frozenset({Family.MAPPING, Family.SEQUENCE})


@dataclass(frozen=True, slots=True, eq=False)
class HeapAnalysis:
    """What the views are made of."""

    graph: HeapGraph
    reach: Reach
    tree: DominatorTree
    kinds: Column
    """Number of the type's name by object: classes that are made anew with every request have one name."""
    names: tuple[str, ...]

    def retained(self, number: int) -> int:
        """Bytes that would go with an object; 0 if it cannot be reached."""
        rank = int(self.tree.ranks[number])
        return int(self.tree.retained[rank]) if rank else 0

    def path(self, number: int, *, masked: bool = False) -> tuple[Step, ...]:
        """The shortest way to an object."""
        way = self.reach.way_to(self.graph, number)
        root = way[0][0]
        first = Step(self.reach.roots.get(root, describe(self.graph, root)), describe(self.graph, root))
        rest = (Step(edge, describe(self.graph, each)) for edge, each in steps(self.graph, way, masked=masked))
        return (first, *rest)

    def held(self, number: int, *, masked: bool = False) -> HeldObject:
        """An object, and how it is held."""
        site = self.graph.sampled.get(number)
        return HeldObject(
            address=int(self.graph.addresses[number]),
            name=describe(self.graph, number),
            shallow=int(self.graph.sizes[number]),
            retained=self.retained(number),
            path=self.path(number, masked=masked) if self.reach.distances[number] >= 0 else (),
            entries=entries(self.graph, number),
            site=None if site is None else called(self.graph.sites[site[0]]),
        )


def entries(graph: HeapGraph, number: int) -> int | None:
    """How many entries a container has; None if it is none."""
    family = graph.family(number)
    if family not in _CONTAINERS:
        return None
    return int(graph.marks[number]) if family is Family.MAPPING else len(graph.held(number))


def analyse_heap(graph: HeapGraph) -> HeapAnalysis:
    """Compute what every view needs; about a second for a million objects."""
    reached = reach(graph)
    roots = np.array(list(reached.roots), dtype=np.int64)
    tree = dominator_tree(graph.starts, reached.targets, roots, graph.sizes)
    names = list(dict.fromkeys(kind.name for kind in graph.types))
    places = {name: number for number, name in enumerate(names)}
    numbers = np.array([places[kind.name] for kind in graph.types], dtype=np.int32)
    return HeapAnalysis(graph, reached, tree, numbers[graph.kinds], tuple(names))


def summary(heap: HeapAnalysis) -> HeapSummary:
    """The heap as a whole."""
    lost = heap.reach.distances == FAR
    return HeapSummary(
        origin=heap.graph.origin,
        objects=len(heap.tree.order) - 1,
        size=int(heap.tree.retained[0]),
        roots=len(heap.reach.roots),
        outside=sum(name == OUTSIDE for name in heap.reach.roots.values()),
        unreachable=int(lost.sum()),
        unreachable_size=int(heap.graph.sizes[lost].sum()),
    )


def type_rows(heap: HeapAnalysis) -> tuple[TypeRow, ...]:
    """Every type of what can be reached, the one that retains most first.

    What objects of a type retain together is what those retain that no other object of that type dominates.
    """
    objects = heap.tree.order[1:]
    kinds = heap.kinds[objects]
    number = len(heap.names)
    counts = np.bincount(kinds, minlength=number)
    shallow = np.bincount(kinds, weights=heap.graph.sizes[objects], minlength=number)
    top = topmost(heap.tree, kinds)
    retained = np.bincount(kinds[top], weights=heap.tree.retained[1:][top], minlength=number)
    rows = [
        TypeRow(name, int(counts[place]), int(shallow[place]), int(retained[place]))
        for place, name in enumerate(heap.names)
        if counts[place]
    ]
    return tuple(sorted(rows, key=lambda row: (-row.retained, -row.shallow, row.type)))


def topmost(tree: DominatorTree, groups: Column) -> Column:
    """Which ranks from 1 on have no dominator of their own group.

    In preorder what is below an object comes right after it, up to its last; leaves count as behind the object that
    dominates them.
    """
    inner = tree.inner
    places = np.concatenate([2 * tree.places[1:inner], 2 * tree.places[tree.parents[inner:]] + 1])
    lasts = np.concatenate([2 * tree.lasts[1:inner] + 1, np.full(len(tree.order) - inner, -1, dtype=np.int64)])
    beyond = 2 * inner + 2
    keys = groups.astype(np.int64) * beyond + places
    order = np.argsort(keys, kind="stable")
    ends = np.maximum.accumulate(groups.astype(np.int64)[order] * beyond + lasts[order])
    top = np.ones(len(groups), dtype=bool)
    top[order[1:]] = keys[order[1:]] > ends[:-1]
    return top
