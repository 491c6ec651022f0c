"""Growing paths: who holds what a route keeps.

After BLeak's PropagateGrowth (Vilk and Berger, PLDI 2018) and LeakCanary's ObjectGrowthDetector: nodes are sets
of objects that share parent path, edge and type; a node counts only if it grew in every round; of a chain of
growing nodes the topmost is reported; from there the accumulation point is found as Eclipse MAT does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from leakhunt.analysis.explain import AloneRounds, Tally
from leakhunt.model.snapshot import Snapshot

_FLOOR_COUNT: Final = 0.5
"""Objects per request, unless the bytes matter."""
_FLOOR_SIZE: Final = 64.0
"""Bytes per request."""
_BIG_DROP: Final = 0.7
"""Share of the growth that has to hang on one child to descend to it: `big_drop_ratio` of Eclipse MAT."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path."""

    edge: str
    type: str
    count_per_request: float


@dataclass(frozen=True, slots=True)
class GrowingPath:
    """Objects of one kind that a route adds to one place with its requests."""

    route: str
    step: str
    hops: tuple[Hop, ...]
    """Root first; the last is where the growth accumulates."""
    top: int
    """Position in `hops` of the topmost growing node; the one before it is the holder."""
    count_per_request: float
    """Objects at the topmost growing node."""
    objects_per_request: float
    """Those and all that only they reach."""
    size_per_request: float
    """Bytes of all of them."""
    multiple: int | None
    rounds: int
    """Differences of snapshots that show it."""

    @property
    def path(self) -> str:
        """Reads like Python: `courseware.views._THUMBNAILS['*'].image`."""
        return "".join(hop.edge for hop in self.hops)

    @property
    def holder(self) -> str:
        """The container that keeps them: `courseware.views._THUMBNAILS`."""
        return "".join(hop.edge for hop in self.hops[: self.top])

    @property
    def holder_type(self) -> str | None:
        """Type of the container; None where the objects hang on a root."""
        return self.hops[self.top - 1].type if self.top else None

    @property
    def type(self) -> str:
        """Type of what is kept."""
        return self.hops[self.top].type


class _Tree:
    """The trees of many snapshots as one: a number for each (parent, edge, type)."""

    def __init__(self) -> None:
        self.names: dict[tuple[int, str, str], int] = {}
        self.nodes: list[tuple[int, str, str]] = []
        self._read: dict[int, dict[int, tuple[int, int]]] = {}

    def read(self, snapshot: Snapshot) -> dict[int, tuple[int, int]]:
        """Count and bytes by node number. Parents come before children, so their numbers are smaller."""
        if id(snapshot) not in self._read:
            self._read[id(snapshot)] = self._number(snapshot)
        return self._read[id(snapshot)]

    def _number(self, snapshot: Snapshot) -> dict[int, tuple[int, int]]:
        numbers: list[int] = []
        values: dict[int, tuple[int, int]] = {}
        for node in snapshot.paths:
            parent = numbers[node.parent] if node.parent >= 0 else -1
            key = (parent, node.edge, node.type)
            number = self.names.setdefault(key, len(self.nodes))
            if number == len(self.nodes):
                self.nodes.append(key)
            numbers.append(number)
            count, size = values.get(number, (0, 0))
            values[number] = (count + node.count, size + node.size)
        return values


def growing_paths(alone: AloneRounds, *, in_number: bool = False) -> tuple[GrowingPath, ...]:
    """The places that grew in every explain round of a step, those that gained most bytes first.

    With `in_number` what grew in bytes alone does not count: over a single long round any table may have been resized.
    """
    tree = _Tree()
    own = alone.tally(tree.read)
    below = _subtrees(tree, own)
    growing = {
        node
        for node, tally in own.items()
        if node and _matters(tally, below[node]) and (tally.grew_in_number or not in_number)
    }
    growing -= _grown_for_others(tree, own, growing)
    found = [_describe(alone, tree, own, below, node) for node in _topmost(tree, growing)]
    return tuple(sorted(found, key=lambda path: (-path.size_per_request, path.path)))


def _subtrees(tree: _Tree, own: Mapping[int, Tally]) -> dict[int, Tally]:
    below: dict[int, Tally] = dict(own)
    # A parent's number is smaller than its children's, so the largest number left has all it will get.
    queue = [-node for node in below]
    heapify(queue)
    while queue:
        node = -heappop(queue)
        parent = tree.nodes[node][0]
        if parent in below:
            below[parent] = below[parent] + below[node]
        elif parent >= 0:
            below[parent] = below[node]
            heappush(queue, -parent)
    return below


def _matters(own: Tally, below: Tally) -> bool:
    if not own.grew_every_time:
        return False
    return own.count_per_request >= _FLOOR_COUNT or below.size_per_request >= _FLOOR_SIZE


def _grown_for_others(tree: _Tree, own: Mapping[int, Tally], growing: set[int]) -> set[int]:
    """Containers that grow in bytes alone, to have room for something below them that grows in number."""
    holders = set()
    for node in growing:
        parent = tree.nodes[node][0]
        if parent in growing and own[node].grew_in_number and not own[parent].grew_in_number:
            holders.add(parent)
    return holders


def _topmost(tree: _Tree, growing: set[int]) -> list[int]:
    covered: set[int] = set()
    top = []
    for node in range(len(tree.nodes)):
        parent = tree.nodes[node][0]
        if parent in covered:
            covered.add(node)
        elif node in growing:
            covered.add(node)
            top.append(node)
    return top


def _describe(
    alone: AloneRounds, tree: _Tree, own: Mapping[int, Tally], below: dict[int, Tally], top: int
) -> GrowingPath:
    end = _accumulation_point(tree, own, below, top)
    chain = _ancestors(tree, end)
    hops = tuple(
        Hop(tree.nodes[node][1], tree.nodes[node][2], own[node].count_per_request if node in own else 0.0)
        for node in chain
    )
    return GrowingPath(
        alone.route,
        alone.step,
        hops,
        chain.index(top),
        own[top].count_per_request,
        below[top].count_per_request,
        below[top].size_per_request,
        own[top].multiple,
        len(alone.doses),
    )


def _accumulation_point(tree: _Tree, own: Mapping[int, Tally], below: dict[int, Tally], top: int) -> int:
    children: dict[int, list[int]] = {}
    for node in below:
        children.setdefault(tree.nodes[node][0], []).append(node)
    while True:
        grown = [child for child in children.get(top, ()) if child in own and own[child].grew_every_time]
        if not grown:
            return top
        heaviest = max(grown, key=lambda child: below[child].size_per_request)
        if below[heaviest].size_per_request < _BIG_DROP * below[top].size_per_request:
            return top
        top = heaviest


def _ancestors(tree: _Tree, node: int) -> list[int]:
    """The nodes from a root's name down to `node`; node 0, which stands for all roots, is left out."""
    chain = []
    while node > 0:
        chain.append(node)
        node = tree.nodes[node][0]
    return chain[::-1]
