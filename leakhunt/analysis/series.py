"""From the samples of a run to growth per round: one row per round, all judged process lives together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from leakhunt.analysis.lives import life_span
from leakhunt.analysis.sizes import excess_bytes
from leakhunt.analysis.thresholds import Thresholds
from leakhunt.model.measurement import Sample
from leakhunt.model.run import Phase, Role, Round, Run
from leakhunt.model.split import MALLOC_FREE
from leakhunt.units import Seconds

_YOUTH: Final = 1 / 3
"""Part of the life of a worker that is recycled in which what it keeps is its warm-up."""
JUDGED_PHASES: Final = (Phase.DOSE, Phase.REPEATED)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one process life did between two of its samples."""

    worker: str
    round: Round
    growth: Mapping[str, float]
    """By signal; a signal that was not read at both ends is absent."""
    doses: Mapping[str, int]
    """Requests it served, by route."""
    seconds: Seconds
    first_use: bool = False
    """Whether it served some route for the first time in its life: what is loaded or cached once comes with that."""
    young: bool = False
    """Whether it was in the first third of its life, where workers are recycled: each warms up anew."""


@dataclass(frozen=True, slots=True)
class RoundGrowth:
    """One round, summed over the judged lives."""

    index: int
    phase: Phase
    block: int | None
    lives: int
    growth: Mapping[str, float]
    """By signal; absent unless every life was read at both ends."""
    doses: Mapping[str, float]
    """Requests by route; of what grows with time, seconds."""
    seconds: Seconds
    excess: Mapping[str, float] = field(default_factory=dict)
    """By route whose uploads differ in size: bytes sent beyond what so many requests send on average."""
    young: bool = False
    """Whether all lives were: it tells how workers warm up, and little else."""
    alone: str | None = None
    """The one step that was sent, if that was the plan."""

    @property
    def dose(self) -> float:
        """Requests served in this round, all routes together; seconds, where time is what is judged."""
        return sum(self.doses.values())

    @property
    def requests(self) -> int:
        """Requests served in this round, all routes together."""
        return round(self.dose)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Requests in, growth out, for a whole run."""

    routes: tuple[str, ...]
    rounds: tuple[RoundGrowth, ...]
    judged: frozenset[str]
    """Keys of the process lives that the rows are made of."""
    short: frozenset[str]
    """Lives too short to judge."""
    trimmed: float = 0.0
    """Bytes that malloc gave back when it was asked to, after the verdict rounds."""
    taken: Mapping[str, float] = field(default_factory=dict)
    """Growth per second, by signal, that was proven to come with time and has been taken off the rounds."""
    split_known: bool = True
    """False where several processes serve and none of them tells which requests it got."""

    def of_phase(self, *phases: Phase) -> tuple[RoundGrowth, ...]:
        """The rounds of these phases, in order."""
        return tuple(row for row in self.rounds if row.phase in phases)

    def blocks(self) -> tuple[tuple[RoundGrowth, ...], ...]:
        """The rounds of the DOSE phase, block by block."""
        blocks: dict[int | None, list[RoundGrowth]] = defaultdict(list)
        for row in self.of_phase(Phase.DOSE):
            blocks[row.block].append(row)
        return tuple(map(tuple, blocks.values()))


def read_ledger(run: Run, thresholds: Thresholds) -> Ledger:
    """Growth per round of every signal, and the requests that went with it."""
    routes = tuple(dict.fromkeys(run.routes.values()))
    observations = observe(run, routes)
    judged, short = _choose_lives(observations, thresholds.minimum_life)
    temp_files = _temp_file_growth(run.rounds)
    excess = excess_bytes(run)
    by_round: dict[int, list[Observation]] = defaultdict(list)
    for observation in observations:
        if observation.worker in judged:
            by_round[observation.round.index].append(observation)
    rows = tuple(_sum_round(group, temp_files, excess.get(index, {})) for index, group in sorted(by_round.items()))
    return Ledger(routes, rows, judged, short, _trimmed(run, judged), split_known=_split_known(run, routes))


def _trimmed(run: Run, judged: frozenset[str]) -> float:
    """How much the free lists of the judged lives shrank, of what they had grown by since the baseline.

    What was free before the verdict rounds was no part of their growth.
    """
    plain = [split for split in run.splits if not split.trimmed]
    first = {split.worker: split.parts.get(MALLOC_FREE, 0) for split in reversed(plain)}
    last = {split.worker: split.parts.get(MALLOC_FREE, 0) for split in plain}
    after = {split.worker: split.parts.get(MALLOC_FREE, 0) for split in run.splits if split.trimmed}
    lowest = {worker: max(after[worker], first[worker]) for worker in after.keys() & first.keys() & judged}
    return float(sum(max(0, last[worker] - low) for worker, low in lowest.items()))


def observe(run: Run, routes: Sequence[str]) -> tuple[Observation, ...]:
    """What every worker life did from each of its samples to the next.

    The first sample of a life has nothing before it: what a process grows by until then is its own warm-up.
    """
    servers = {worker.key for worker in run.workers if worker.role is Role.WORKER}
    marked = _has_route_marks(run, routes)
    span = life_span(run)
    previous: dict[str, Sample] = {}
    found: list[Observation] = []
    for round_ in run.rounds:
        for sample in round_.samples:
            if sample.worker not in servers:
                continue
            before = previous.get(sample.worker)
            previous[sample.worker] = sample
            if before is not None:
                doses = _served(before, sample, routes) if marked else _asked(round_, run.routes)
                growth = _growth(before, sample)
                first = marked and any(dose and not before.served.get(route) for route, dose in doses.items())
                young = span is not None and sum(before.served.values()) < _YOUTH * span
                found.append(Observation(sample.worker, round_, growth, doses, sample.time - before.time, first, young))
    return tuple(found)


def signal_values(sample: Sample) -> Mapping[str, float]:
    """The level of every signal of one process that was read."""
    values = {
        "live": sample.heap.live if sample.heap else None,
        "blocks": sample.heap.blocks if sample.heap else None,
        "malloc": sample.heap.malloc if sample.heap else None,
        "anonymous": sample.memory.anonymous,
        "threads": sample.threads,
        "descriptors": sample.descriptors,
    }
    return {signal: float(value) for signal, value in values.items() if value is not None}


def _growth(before: Sample, after: Sample) -> dict[str, float]:
    old, new = signal_values(before), signal_values(after)
    return {signal: new[signal] - old[signal] for signal in new if signal in old}


def _served(before: Sample, after: Sample, routes: Sequence[str]) -> dict[str, int]:
    return {route: after.served.get(route, 0) - before.served.get(route, 0) for route in routes}


def _asked(round_: Round, steps: Mapping[str, str]) -> dict[str, int]:
    doses = dict.fromkeys(steps.values(), 0)
    for step, dose in round_.doses.items():
        doses[steps.get(step, step)] = doses.get(steps.get(step, step), 0) + dose
    return doses


def _has_route_marks(run: Run, routes: Sequence[str]) -> bool:
    known = set(routes)
    return any(not known.isdisjoint(sample.served) for round_ in run.rounds for sample in round_.samples)


def _split_known(run: Run, routes: Sequence[str]) -> bool:
    if _has_route_marks(run, routes):
        return True
    servers = {worker.key for worker in run.workers if worker.role is Role.WORKER}
    return all(sum(sample.worker in servers for sample in round_.samples) <= 1 for round_ in run.rounds)


def _choose_lives(observations: Sequence[Observation], minimum: int) -> tuple[frozenset[str], frozenset[str]]:
    """The lives to judge and the ones too short.

    Where most rounds belong to short lives, recycling is what this server does, and all lives count.
    """
    usable: dict[str, int] = defaultdict(int)
    for observation in observations:
        usable[observation.worker] += observation.round.phase in JUDGED_PHASES
    lived = {worker: count for worker, count in usable.items() if count}
    long = frozenset(worker for worker, count in lived.items() if count >= minimum)
    if 2 * sum(lived[worker] for worker in long) < sum(lived.values()):
        return frozenset(lived), frozenset()
    return long, frozenset(lived) - long


def _temp_file_growth(rounds: Iterable[Round]) -> dict[int, float]:
    growth: dict[int, float] = {}
    level: int | None = None
    for round_ in rounds:
        if round_.temp_files is not None and level is not None:
            growth[round_.index] = float(round_.temp_files - level)
        level = round_.temp_files
    return growth


def _sum_round(
    observed: Sequence[Observation], temp_files: Mapping[int, float], excess: Mapping[str, float]
) -> RoundGrowth:
    # A life that is young, or meets a route for the first time, is left out of that round, unless all of them do.
    grown_up = [observation for observation in observed if not observation.young]
    usable = grown_up or observed
    group = [observation for observation in usable if not observation.first_use] or usable
    round_ = group[0].round
    signals = set.intersection(*(set(observation.growth) for observation in group))
    growth = {signal: sum(observation.growth[signal] for observation in group) for signal in signals}
    if round_.index in temp_files:
        growth["temp_files"] = temp_files[round_.index]
    doses: dict[str, int] = defaultdict(int)
    for observation in group:
        for route, dose in observation.doses.items():
            doses[route] += dose
    seconds = max(observation.seconds for observation in group)
    young = not grown_up
    return RoundGrowth(
        round_.index, round_.phase, round_.block, len(group), growth, dict(doses), seconds, excess, young, round_.alone
    )
