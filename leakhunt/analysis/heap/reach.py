"""Which objects can be reached, on the shortest way; what only C code holds; what waits for the collector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from leakhunt.model.heap import UNKNOWN, Column, Family, HeapGraph

OUTSIDE: Final = "<held outside Python>"
_FEW: Final = 8
"""Objects up to which a level is gone through one by one, as along a list that is linked."""
FAR: Final = -1
OURS: Final = -2


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How every object is reached first."""

    distances: Column
    """int32: references from a root; `FAR` for what cannot be reached, `OURS` for what only leakhunt's agent holds."""
    ways: Column
    """int64: position in `targets` of the reference by which an object is reached first; -1 for roots."""
    targets: Column
    """As of the graph, with references to classes that nothing but their instances leads to."""
    roots: dict[int, str]
    """Objects where the graph is entered, and what to call that."""

    def way_to(self, graph: HeapGraph, number: int) -> list[tuple[int, int]]:
        """Objects from a root down to this one, each with the position of the reference that leads to it."""
        way = [(number, int(self.ways[number]))]
        while way[-1][1] >= 0:
            holder = int(np.searchsorted(graph.starts, way[-1][1], side="right")) - 1
            way.append((holder, int(self.ways[holder])))
        return way[::-1]


def reach(graph: HeapGraph) -> Reach:
    """Modules and the stacks of threads come first, then greenlets that nothing of those leads to, then what C holds.

    A class is reached through its instances only if nothing else leads to it: who has an object of a class does not
    hold the class. What only C holds is told by its references: it has more than all objects give it (`subtract_refs`
    of CPython's collector). What is left are cycles that wait for the collector.
    """
    walk = _Walk(graph)
    walk.distances[_of(graph, Family.OWN)] = OURS
    for kind in ("module", "thread"):
        walk.enter({root.object: _label(kind, root.name) for root in graph.roots if root.kind == kind})
    walk.leave_out(np.array([root.object for root in graph.roots if root.kind == "own"], dtype=np.int64))
    walk.enter(dict.fromkeys(walk.left(_of(graph, Family.GREENLET)), "greenlet"))
    given = np.bincount(graph.targets[graph.targets >= 0], minlength=len(graph))
    walk.enter(dict.fromkeys(walk.left((graph.counts > given) & ~_of(graph, Family.CLASS)), OUTSIDE))
    return walk.done()


def _of(graph: HeapGraph, family: Family) -> Column:
    """Which objects are of a family."""
    column: Column = np.array([kind.family is family for kind in graph.types], dtype=bool)[graph.kinds]
    return column


def _label(kind: str, name: str) -> str:
    return f"{kind} {name}"


class _Walk:
    """Breadth-first, a level at a time."""

    def __init__(self, graph: HeapGraph) -> None:
        self._graph = graph
        self.distances = np.full(len(graph), FAR, dtype=np.int32)
        self.ways = np.full(len(graph), -1, dtype=np.int64)
        self.targets = graph.targets
        self.roots: dict[int, str] = {}

    def done(self) -> Reach:
        """What was found; no reference leads to what was not reached."""
        lost = self.targets >= 0
        lost[lost] = self.distances[self.targets[lost]] < 0
        return Reach(self.distances, self.ways, np.where(lost, np.int32(UNKNOWN), self.targets), self.roots)

    def left(self, wanted: Column) -> list[int]:
        """Those of the wanted objects that were not reached."""
        numbers: list[int] = np.flatnonzero(wanted & (self.distances == FAR)).tolist()
        return numbers

    def enter(self, roots: dict[int, str]) -> None:
        """Go on from these, as far as they were not reached."""
        new = {number: name for number, name in roots.items() if self.distances[number] == FAR}
        self.roots.update(new)
        level = np.array(list(new), dtype=np.int64)
        self.distances[level] = 0
        self._walk(level, self.distances)
        while len(level := self._with_classes()):
            self._walk(level, self.distances)

    def leave_out(self, roots: Column) -> None:
        """What can only be reached from these is no part of the heap."""
        ours = self.distances.copy()
        level = roots[ours[roots] == FAR]
        ours[level] = 0
        self._walk(level, ours, note=False)
        self.distances[(ours != FAR) & (self.distances == FAR)] = OURS

    def _walk(self, level: Column, distances: Column, *, note: bool = True) -> None:
        while len(level):
            level = self._few(level, distances, note) if len(level) <= _FEW else self._many(level, distances, note)

    def _many(self, level: Column, distances: Column, note: bool) -> Column:
        starts = self._graph.starts
        lengths = starts[level + 1] - starts[level]
        skipped = np.cumsum(lengths) - lengths
        positions = np.repeat(starts[level] - skipped, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
        found = self.targets[positions]
        fresh = found >= 0
        fresh[fresh] = distances[found[fresh]] == FAR
        found, positions = found[fresh], positions[fresh]
        further = np.repeat(distances[level], lengths)[fresh] + 1
        # Of several ways to one object the first counts: it is written last.
        first = np.empty(0, dtype=np.int64)
        if len(found):
            _, first = np.unique(found, return_index=True)
            first.sort()
        found, positions = found[first], positions[first]
        distances[found] = further[first]
        if note:
            self.ways[found] = positions
        return found.astype(np.int64)

    def _few(self, level: Column, distances: Column, note: bool) -> Column:
        starts, targets = self._graph.starts, self.targets
        found: list[int] = []
        for number in level.tolist():
            start = int(starts[number])
            if int(starts[number + 1]) - start > 1000:
                return np.concatenate(
                    [
                        np.array(found, dtype=np.int64),
                        self._many(level[level.tolist().index(number) :], distances, note),
                    ]
                )
            for position, each in enumerate(targets[start : int(starts[number + 1])].tolist(), start):
                if each >= 0 and distances[each] == FAR:
                    distances[each] = distances[number] + 1
                    if note:
                        self.ways[each] = position
                    found.append(each)
        return np.array(found, dtype=np.int64)

    def _with_classes(self) -> Column:
        """Let instances lead to classes that were not reached; the instances that were."""
        unreached = self.distances == FAR
        classes = self.targets < -1
        numbers = -2 - self.targets[classes]
        missing = unreached[numbers]
        if not missing.any():
            return np.empty(0, dtype=np.int64)
        positions = np.flatnonzero(classes)[missing]
        if self.targets is self._graph.targets:
            self.targets = self.targets.copy()
        self.targets[positions] = numbers[missing]
        holders = np.unique(np.searchsorted(self._graph.starts, positions, side="right") - 1)
        column: Column = holders[self.distances[holders] >= 0]
        return column
