"""What was in the heap before leakhunt came, and who holds it: from one snapshot, by size below the holder.

Sizes are those of the tree of shortest paths: an object counts below the first place that it is met at. So a holder is
named together with all that is not met nearer to a root, which is not what would be freed with it (its retained size).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from leakhunt.model.measurement import HeapUsage
from leakhunt.model.report import Holding
from leakhunt.model.run import NATURAL, Phase, Round, Run
from leakhunt.model.snapshot import Age, PathNode, Snapshot
from leakhunt.units import Bytes

_BIG_DROP: Final = 0.7
"""Share of what is below a place that has to be below one of its parts for that to be looked into: Eclipse MAT's."""
_LEAST: Final = 0.01
"""Share of the whole heap below which a holder is not worth naming."""
_MOST: Final = 10

Key: TypeAlias = tuple[tuple[str, str], ...]
"""Edge and type of each hop: finds a holder again in another snapshot of its process."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One holder in one snapshot."""

    nodes: tuple[PathNode, ...]
    """From below the root down to it."""
    size: Bytes
    """Of it and of all below it."""
    heaviest: PathNode
    """The objects that most of these bytes are."""
    heaviest_path: str

    @property
    def path(self) -> str:
        """Reads like Python: `shop.CACHE`."""
        return _path(self.nodes)

    @property
    def type(self) -> str:
        """Type of the holder."""
        return self.nodes[-1].type

    @property
    def key(self) -> Key:
        """What finds it again."""
        return tuple((node.edge, node.type) for node in self.nodes)


def already_there(run: Run) -> tuple[Holding, ...]:
    """The largest holders when leakhunt came, all workers together, with what has come to them since.

    Empty where nobody looked: in launched apps, and where no snapshot could be taken.
    """
    arrival = _arrival(run)
    first = [snapshot for snapshot in run.snapshots if snapshot.round in arrival and snapshot.paths]
    heaps = {sample.worker: sample.heap for done in arrival.values() for sample in done.samples}
    live = _live([heaps.get(snapshot.worker) for snapshot in first])
    latest = {each.worker: each for each in run.snapshots if each.paths and each.round not in arrival}
    found: dict[str, list[_Held]] = defaultdict(list)
    for snapshot in first:
        for held in _held(snapshot, latest.get(snapshot.worker)):
            found[held.holder.path].append(held)
    holdings = [_holding(helds, live) for helds in found.values()]
    return tuple(sorted(holdings, key=lambda holding: (-holding.size, holding.path))[:_MOST])


def _arrival(run: Run) -> Mapping[int, Round]:
    """The rounds before any traffic was measured; under natural traffic the first one with a snapshot."""
    looks = {snapshot.round for snapshot in run.snapshots if snapshot.paths}
    first = min(looks, default=None) if run.plan.workload == NATURAL else None
    return {done.index: done for done in run.rounds if done.phase is Phase.ARRIVAL or done.index == first}


def largest_holders(snapshot: Snapshot) -> tuple[Holder, ...]:
    """The holders of the largest parts of a heap, each with what no other one of them has, the largest first."""
    if not snapshot.paths:
        return ()
    tree = _Tree(snapshot.paths)
    least = _LEAST * tree.below[0]
    holders: list[Holder] = []
    while len(holders) < _MOST:
        chain = tree.descend(least)
        if not chain:
            break
        holders.append(tree.take(chain))
    return tuple(holders)


class _Tree:
    """The tree of a snapshot, out of which one holder after the other is taken."""

    def __init__(self, nodes: Sequence[PathNode]) -> None:
        self._nodes = nodes
        self._children: list[list[int]] = [[] for _ in nodes]
        self.below = [node.size for node in nodes]
        """Bytes of each node and of all below it that have not been taken yet."""
        for number in range(len(nodes) - 1, 0, -1):  # a parent stands before its children
            parent = nodes[number].parent
            self.below[parent] += self.below[number]
            self._children[parent].append(number)

    def descend(self, least: float) -> list[int]:
        """From a root down to where the bytes spread; empty where no root has as many as `least` any more.

        Names of one object are followed to the heaviest, for they only lead somewhere: a module holds nothing. From one
        object to many the way goes on only while nearly all the bytes do.
        """
        chain: list[int] = []
        place = 0
        while self._children[place]:
            best = max(self._children[place], key=self.below.__getitem__)
            spreads = self._nodes[best].count > max(1, self._nodes[place].count)
            if self.below[best] < least or self.below[best] == 0:
                break
            if spreads and self.below[best] < _BIG_DROP * self.below[place]:
                break
            chain.append(best)
            place = best
        return chain

    def take(self, chain: list[int]) -> Holder:
        """The holder on this way down: the last one before the number of objects rises the most."""
        counts = [max(1, self._nodes[number].count) for number in chain]
        rises = [after / before for before, after in pairwise(counts)]
        end = rises.index(max(rises)) if rises and max(rises) > 1 else len(chain) - 1
        place = chain[end]
        heaviest, path = self._heaviest(place, chain[: end + 1])
        holder = Holder(tuple(self._nodes[each] for each in chain[: end + 1]), self.below[place], heaviest, path)
        for number in chain[:end]:
            self.below[number] -= holder.size
        self.below[0] -= holder.size
        self._forget(place)
        return holder

    def _heaviest(self, place: int, chain: list[int]) -> tuple[PathNode, str]:
        """The node below with most bytes of its own, and the way there."""
        ways = {place: tuple(self._nodes[each] for each in chain)}
        queue = [place]
        best = place
        while queue:
            number = queue.pop()
            if self.below[number] and self._nodes[number].size > self._nodes[best].size:
                best = number
            for child in self._children[number]:
                if self.below[child] >= self._nodes[best].size:  # what is below it may be heavier
                    ways[child] = (*ways[number], self._nodes[child])
                    queue.append(child)
        return self._nodes[best], _path(ways[best])

    def _forget(self, place: int) -> None:
        queue = [place]
        while queue:
            number = queue.pop()
            self.below[number] = 0
            queue.extend(self._children[number])
            self._children[number] = []


def _path(nodes: Sequence[PathNode]) -> str:
    return "".join(node.edge for node in nodes)


def _live(heaps: Sequence[HeapUsage | None]) -> Bytes | None:
    """Live bytes of these workers together; None if one does not tell."""
    levels = [None if heap is None else heap.live for heap in heaps]
    known = [level for level in levels if level is not None]
    return sum(known) if known and len(known) == len(levels) else None


@dataclass(frozen=True, slots=True)
class _Held:
    """A holder in one worker."""

    holder: Holder
    age: Age | None
    growth: Bytes | None
    """What has come to it until the worker was last looked at; None if it was not."""


def _held(first: Snapshot, last: Snapshot | None) -> Sequence[_Held]:
    holders = largest_holders(first)
    ages = {age.path: age for age in first.ages}
    now = {} if last is None else _sizes(last, [holder.key for holder in holders])
    return [
        _Held(holder, ages.get(holder.path), None if last is None else now.get(holder.key, 0) - holder.size)
        for holder in holders
    ]


def _sizes(snapshot: Snapshot, keys: Sequence[Key]) -> Mapping[Key, Bytes]:
    """Bytes at and below each of these holders, without those below one that is nested in it."""
    steps = {key[:depth] for key in keys for depth in range(len(key) + 1)}
    ways: dict[int, Key] = {0: ()}
    owners: dict[int, Key] = {}
    sizes: dict[Key, Bytes] = defaultdict(int)
    for number, node in enumerate(snapshot.paths):
        way = (*ways[node.parent], (node.edge, node.type)) if node.parent in ways else None
        if way in steps:
            ways[number] = way
        owner = way if way in keys else owners.get(node.parent)
        if owner is not None:
            owners[number] = owner
            sizes[owner] += node.size
    return sizes


def _holding(held: Sequence[_Held], live: Bytes | None) -> Holding:
    """The same holder in all its workers."""
    holders = [each.holder for each in held]
    most = max(holders, key=lambda holder: holder.size)
    size = sum(holder.size for holder in holders)
    alike = [holder.heaviest.count for holder in holders if holder.heaviest_path == most.heaviest_path]
    grown = [each.growth for each in held if each.growth is not None]
    ages = [each.age for each in held if each.age is not None]
    dated = sum(age.dated for age in ages)
    return Holding(
        path=most.path,
        type=most.type,
        workers=len(held),
        size=size,
        share=size / live if live else None,
        entries=sum(holder.nodes[-1].length for holder in holders),
        heaviest_path=most.heaviest_path,
        heaviest_type=most.heaviest.type,
        heaviest_count=sum(alike),
        dated=dated or None,
        newer=sum(age.newer for age in ages) if dated else None,
        growth=sum(grown) if grown else None,
    )
