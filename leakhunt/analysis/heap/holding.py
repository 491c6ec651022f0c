"""How objects are held: the paths of all objects of a type, merged, and objects that are looked for."""

from __future__ import annotations

from collections import Counter

import numpy as np

from leakhunt.analysis.heap.analysed import HeapAnalysis, type_rows
from leakhunt.model.heap import Column
from leakhunt.model.heap_view import HeldObject, MergedPath, Step, TypePaths
from leakhunt.units import Bytes

MOST = 10_000
"""Objects of a type whose paths are looked at, as many as Eclipse MAT takes; of more every n-th."""


def objects_of(heap: HeapAnalysis, name: str) -> Column:
    """Objects of a type that can be reached; its name may lack the module."""
    wanted = {number for number, each in enumerate(heap.names) if each == name}
    wanted = wanted or {number for number, each in enumerate(heap.names) if each.rpartition(".")[2] == name}
    column: Column = np.flatnonzero(np.isin(heap.kinds, list(wanted)) & (heap.reach.distances >= 0))
    return column


def type_paths(heap: HeapAnalysis, name: str) -> TypePaths | None:
    """How the objects of a type are reached, the way that most are reached by first; None if there are none."""
    found = objects_of(heap, name)
    if not len(found):
        return None
    kept = {heap.names[number] for number in np.unique(heap.kinds[found])}
    rows = [row for row in type_rows(heap) if row.type in kept]
    sample = found[:: -(-len(found) // MOST)]
    counts: Counter[tuple[Step, ...]] = Counter()
    sizes: Counter[tuple[Step, ...]] = Counter()
    for number in sample.tolist():
        path = heap.path(number, masked=True)
        counts[path] += 1
        sizes[path] += int(heap.graph.sizes[number])
    return TypePaths(
        type=", ".join(sorted(kept)),
        count=len(found),
        shallow=sum(row.shallow for row in rows),
        retained=sum(row.retained for row in rows),
        looked_at=len(sample),
        paths=tuple(MergedPath(path, count, sizes[path]) for path, count in counts.most_common()),
    )


def object_at(heap: HeapAnalysis, address: int) -> HeldObject | None:
    """The object at an address; None if there is none."""
    found = np.flatnonzero(heap.graph.addresses == np.uint64(address))
    return heap.held(int(found[0])) if len(found) else None


def find(heap: HeapAnalysis, name: str | None, least: Bytes, most: int) -> tuple[int, tuple[HeldObject, ...]]:
    """How many objects of a type retain at least so much, and the largest of them."""
    found = objects_of(heap, name) if name is not None else heap.tree.order[1:]
    retained = heap.tree.retained[heap.tree.ranks[found]]
    found, retained = found[retained >= least], retained[retained >= least]
    largest = found[np.argsort(-retained, kind="stable")[:most]]
    return len(found), tuple(heap.held(number) for number in largest.tolist())
