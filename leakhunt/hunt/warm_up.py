"""Warm-up: what a request of each step costs and keeps, which steps work at all, and when the app is steady."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from leakhunt.errors import WorkloadError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.measurement import RequestRecord, Sample
from leakhunt.model.run import Phase, Round
from leakhunt.units import Bytes, Seconds

_FIRST: Final = 2
"""Requests of a step before it is timed: the first pays for lazy imports and caches."""
_TIMED: Final = 3
_MIXED: Final = (2, 3, 5, 5, 5, 5)
"""Doses of the mixed rounds; they end earlier once the app is steady."""
_STEADY: Final = 0.2
"""Steady: the growth per request changed by less than this part of the first round's."""
MAX_UNEXPECTED: Final = 0.1


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one request of a step takes."""

    duration: Seconds
    growth: Bytes
    """Anonymous memory kept, all workers together, as seen over a handful of requests: good enough to cap a dose."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Threads, descriptors and temporary files left behind, as roughly, by signal."""


def warm_up(rounds: Rounds, steps: Sequence[str]) -> Mapping[str, StepCost]:
    """Run each step alone, then all together until steady. Returns the costs of the steps that work.

    Raises:
        WorkloadError: no step gives the response it should.
    """
    costs: dict[str, StepCost] = {}
    for step in steps:
        before = rounds.run(Phase.WARM_UP, {step: _FIRST}, alone=step)
        after = rounds.run(Phase.WARM_UP, {step: _TIMED}, alone=step)
        costs[step] = _cost(before, after, rounds.recorder.run().requests)
    rounds.learn_routes()
    working = working_steps(rounds.recorder.run().requests, steps, rounds.target.with_last_lines)
    _until_steady(rounds, working)
    rounds.learn_routes()
    return {step: costs[step] for step in working}


def unexpected_share(requests: Sequence[RequestRecord], step: str) -> float:
    """Part of a step's requests whose response was not one it should give."""
    mine = [record for record in requests if record.step == step]
    return sum(not record.expected for record in mine) / len(mine) if mine else 0.0


def working_steps(
    requests: Sequence[RequestRecord], steps: Sequence[str], with_last_lines: Callable[[str], str]
) -> tuple[str, ...]:
    """The steps that get the responses they should, but for a few.

    Where the target itself failed, `with_last_lines` adds what it wrote about that to the error.

    Raises:
        WorkloadError: there is none.
    """
    working = tuple(step for step in steps if unexpected_share(requests, step) <= MAX_UNEXPECTED)
    if not working:
        sentence = f"No step of the workload gets the response it should: {unexpected_answers(requests)}."
        failed = any((record.status or 0) >= 500 for record in requests)
        raise WorkloadError(
            with_last_lines(sentence) if failed else sentence,
            "Check the paths, the login and `expect` in the workload; redirects count as unexpected.",
        )
    return working


def unexpected_answers(requests: Sequence[RequestRecord]) -> str:
    """How often each step got which answer that it should not get: `image: 403 x2; video: no response x1`."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in requests:
        if not record.expected:
            answer = str(record.status) if record.status is not None else record.error or "no response"
            counts[record.step, answer] += 1
    return "; ".join(f"{step}: {answer} x{count}" for (step, answer), count in sorted(counts.items()))


def _cost(before: Round, after: Round, requests: Sequence[RequestRecord]) -> StepCost:
    # The shortest of them: a busy machine makes requests longer, and is not to make doses smaller.
    durations = [record.duration for record in requests if record.round in (before.index, after.index)]
    growth = _anonymous(after.samples) - _anonymous(before.samples)
    old, new = _resources(before), _resources(after)
    left = {signal: max(0.0, (new[signal] - old[signal]) / _TIMED) for signal in new}
    return StepCost(min(durations, default=0.0), max(0, growth // _TIMED), left)


def _resources(done: Round) -> Mapping[str, int]:
    return {
        "threads": sum(sample.threads or 0 for sample in done.samples),
        "descriptors": sum(sample.descriptors or 0 for sample in done.samples),
        "temp_files": done.temp_files or 0,
    }


def _anonymous(samples: Sequence[Sample]) -> Bytes:
    return sum(sample.memory.anonymous or sample.memory.rss for sample in samples)


def _until_steady(rounds: Rounds, steps: Sequence[str]) -> None:
    first: float | None = None
    previous: float | None = None
    level: Bytes | None = None
    for dose in _MIXED:
        done = rounds.run(Phase.WARM_UP, dict.fromkeys(steps, dose))
        now = _live(done.samples)
        if level is not None:
            rate = (now - level) / (dose * len(steps))
            if first is not None and previous is not None and abs(rate - previous) <= _STEADY * abs(first):
                return
            first, previous = first if first is not None else rate, rate
        level = now


def _live(samples: Sequence[Sample]) -> Bytes:
    lives = [sample.heap.live for sample in samples if sample.heap is not None and sample.heap.live is not None]
    return sum(lives) if lives else _anonymous(samples)
