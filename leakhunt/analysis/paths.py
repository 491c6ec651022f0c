"""Growing paths: who holds what a route keeps.

After BLeak's PropagateGrowth (Vilk and Berger, PLDI 2018) and LeakCanary's ObjectGrowthDetector: nodes are sets
of objects that share parent path, edge and type; a node counts only if it grew in every round; of a chain of
growing nodes the topmost is reported; from there the accumulation point is found as Eclipse MAT does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Final

from leakhunt.analysis.explain import AloneRounds, Tally
from leakhunt.analysis.heap_tree import HeapTree
from leakhunt.analysis.owners import other_owners

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
    others: tuple[str, ...] = ()
    """Containers elsewhere that gained as many entries: they may hold the same objects."""

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


def growing_paths(alone: AloneRounds, *, in_number: bool = False) -> tuple[GrowingPath, ...]:
    """The places that grew in every explain round of a step, those that gained most bytes first.

    With `in_number` what grew in bytes alone does not count: over a single long round any table may have been resized.
    """
    tree = HeapTree()
    own = alone.tally(tree.read)
    below = _subtrees(tree, own)
    growing = {
        node
        for node, tally in own.items()
        if node and _matters(tally, below[node]) and (tally.grew_in_number or not in_number)
    }
    growing -= _grown_for_others(tree, own, growing)
    top = _topmost(tree, growing)
    owners = other_owners(alone, tree, top)
    found = [_describe(alone, tree, own, below, node) for node in top]
    found = [replace(path, others=owners.get(path.multiple or 0, ())) for path in found]
    return tuple(sorted(found, key=lambda path: (-path.size_per_request, path.path)))


def _subtrees(tree: HeapTree, own: Mapping[int, Tally]) -> dict[int, Tally]:
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


def _grown_for_others(tree: HeapTree, own: Mapping[int, Tally], growing: set[int]) -> set[int]:
    """Containers that grow in bytes alone, to have room for something below them that grows in number."""
    holders = set()
    for node in growing:
        parent = tree.nodes[node][0]
        if parent in growing and own[node].grew_in_number and not own[parent].grew_in_number:
            holders.add(parent)
    return holders


def _topmost(tree: HeapTree, growing: set[int]) -> list[int]:
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
    alone: AloneRounds, tree: HeapTree, own: Mapping[int, Tally], below: dict[int, Tally], top: int
) -> GrowingPath:
    end = _accumulation_point(tree, own, below, top)
    chain = tree.chain(end)
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


def _accumulation_point(tree: HeapTree, own: Mapping[int, Tally], below: dict[int, Tally], top: int) -> int:
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
