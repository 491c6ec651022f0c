"""What the explain rounds saw: growth from snapshot to snapshot while one step ran alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from leakhunt.model.run import BACKGROUND, Phase, Round, Run
from leakhunt.model.snapshot import Snapshot

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tally:
    """How one thing grew, snapshot after snapshot, all workers together."""

    doses: tuple[float, ...]
    """Requests between the snapshots; seconds, where nothing was requested."""
    counts: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def requests(self) -> float:
        """All requests, or seconds, together."""
        return sum(self.doses)

    @property
    def count_per_request(self) -> float:
        """Objects or blocks."""
        return sum(self.counts) / self.requests

    @property
    def size_per_request(self) -> float:
        """Bytes."""
        return sum(self.sizes) / self.requests

    @property
    def grew_in_number(self) -> bool:
        """Whether more of them were there after each round."""
        return all(count > 0 for count in self.counts)

    @property
    def grew_every_time(self) -> bool:
        """Whether more of them, or the same with more bytes, were there after each round."""
        return self.grew_in_number or (
            all(size > 0 for size in self.sizes) and all(count >= 0 for count in self.counts)
        )

    @property
    def multiple(self) -> int | None:
        """The whole number c where every round added exactly c per request, else None.

        Chance does not do this over several distinct prime doses (0 of 200 000 in simulations of Poisson and
        jittering counts), and growth by the clock cannot.
        """
        factor = round(self.counts[0] / self.doses[0])
        exact = all(count == factor * dose for count, dose in zip(self.counts, self.doses, strict=True))
        return factor if exact and factor > 0 and len(set(self.doses)) > 1 else None

    def __add__(self, other: Tally) -> Tally:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        sizes = tuple(a + b for a, b in zip(self.sizes, other.sizes, strict=True))
        return Tally(self.doses, counts, sizes)


@dataclass(frozen=True, slots=True)
class AloneRounds:
    """The explain rounds of one step that have a snapshot before and after them."""

    step: str
    """BACKGROUND for rounds in which nothing was requested."""
    route: str
    doses: tuple[float, ...]
    pairs: tuple[tuple[tuple[Snapshot, Snapshot], ...], ...]
    """Round by round, a pair (before, after) for each worker that has both."""

    def tally(self, read: Callable[[Snapshot], Mapping[Key, tuple[int, int]]]) -> Mapping[Key, Tally]:
        """Growth of everything that `read` finds in a snapshot as (count, bytes), and that changed at all."""
        growth: dict[Key, list[list[int]]] = defaultdict(lambda: [[0, 0] for _ in self.pairs])
        for index, pairs in enumerate(self.pairs):
            for before, after in pairs:
                old, new = read(before), read(after)
                changed: dict[Key, None] = {}
                # A heap has 100 000 places, and all but a few dozen of them are as they were.
                for key, _ in old.items() ^ new.items():
                    changed.setdefault(key)
                for key in changed:
                    (c0, s0), (c1, s1) = old.get(key, (0, 0)), new.get(key, (0, 0))
                    cell = growth[key][index]
                    cell[0] += c1 - c0
                    cell[1] += s1 - s0
        return {
            key: Tally(self.doses, tuple(cell[0] for cell in cells), tuple(cell[1] for cell in cells))
            for key, cells in growth.items()
        }


def alone_rounds(run: Run) -> tuple[AloneRounds, ...]:
    """The explain rounds, step by step. The first round of a step is the base of its differences."""
    snapshots = {(snapshot.worker, snapshot.round): snapshot for snapshot in run.snapshots}
    by_step: dict[str, list[Round]] = defaultdict(list)
    for round_ in run.rounds:
        if round_.phase is Phase.EXPLAIN and round_.alone is not None:
            by_step[round_.alone].append(round_)
    found = (_pair_up(run, step, _last_pass(rounds), snapshots) for step, rounds in by_step.items())
    return tuple(alone for alone in found if alone.pairs)


def _last_pass(rounds: list[Round]) -> list[Round]:
    """Where a first pass over a step had too few requests to show anything there is a second one."""
    return [each for each in rounds if each.block == rounds[-1].block]


def _pair_up(run: Run, step: str, rounds: list[Round], snapshots: Mapping[tuple[str, int], Snapshot]) -> AloneRounds:
    route = run.routes.get(step, step)
    doses, pairs = [], []
    workers = sorted({worker for worker, _ in snapshots})
    for before, after in pairwise(rounds):
        both = tuple(
            (snapshots[worker, before.index], snapshots[worker, after.index])
            for worker in workers
            if (worker, before.index) in snapshots and (worker, after.index) in snapshots
        )
        if any(route in sample.served for sample in after.samples):
            # A worker's first request of the route pays for what is loaded or cached once.
            both = tuple(pair for pair in both if _served(before, route).get(pair[0].worker, 0) > 0)
        dose = _dose(before, after, step, route, {pair[0].worker for pair in both})
        if both and dose > 0:
            doses.append(dose)
            pairs.append(both)
    return AloneRounds(step, route, tuple(doses), tuple(pairs))


def _served(done: Round, route: str) -> Mapping[str, int]:
    """Requests of a route by worker, since it was born."""
    return {sample.worker: sample.served.get(route, 0) for sample in done.samples}


def _dose(before: Round, after: Round, step: str, route: str, workers: set[str]) -> float:
    if step == BACKGROUND:
        return after.ended - before.ended
    old, new = _served(before, route), _served(after, route)
    if not any(route in sample.served for sample in after.samples):
        return after.doses.get(step, 0)
    return sum(new[worker] - old[worker] for worker in workers if worker in old and worker in new)
