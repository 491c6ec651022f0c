"""Explain rounds: one route alone, allocations traced, a snapshot after each; then a closer look at what holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from leakhunt.analysis.explain import alone_rounds
from leakhunt.analysis.leads import is_rare
from leakhunt.analysis.lives import life_span
from leakhunt.analysis.paths import GrowingPath, growing_paths
from leakhunt.errors import AgentError
from leakhunt.hunt.calls import watch_calls
from leakhunt.hunt.doses import MEAN_MULTIPLE, base_for_total, prime_doses
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.snapshots import caveat_of, inspect_holders, take_snapshots
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.run import BACKGROUND, Phase, Round
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds

_ROUNDS: Final = 3
"""After a first one, whose snapshot they are compared with."""
FIRST_DOSE: Final = 2
FRAMES: Final = 20
"""Enough to get from a library's innermost frame out to the view; each frame makes tracing slower."""
_RESTS: Final[tuple[Seconds, ...]] = (0.5, 2.0, 3.0, 5.0)
"""Seconds without load before each snapshot of what grows with time."""
_GROWTH: Final[Bytes] = 128 * 2**20
"""Wanted bound for what they leave behind."""
_SMALLEST_BASE: Final = 2
_EVEN: Final = 0.8
"""Part of what a worker still serves that is planned for: another may get more than its share."""
_TRIES: Final = 3
"""How often workers are used up, since requests are not dealt out evenly."""


@dataclass(frozen=True, slots=True)
class Length:
    """How much one pass of explain rounds may take."""

    time: Seconds
    """Wanted duration of the requests after the first round."""
    base: int
    """The largest number of requests that is wanted of the shortest round."""


SHORT: Final = Length(1.6, 53)
"""Enough for what each request leaves behind, or one in ten."""
LONG: Final = Length(8.0, 401)
"""For what only one request in a hundred leaves behind: it is not to miss a round."""


def explain(rounds: Rounds, step: str, cost: StepCost, *, show_values: bool) -> None:
    """Record the snapshots that name line and holder of what `step` leaves behind.

    An agent that refuses or fails is a caveat, not an error: the verdict does not rest on these rounds.
    """
    _trace_alone(rounds, step, cost, 0, SHORT, show_values=show_values)
    watch_calls(rounds, step)
    if is_rare(rounds.recorder.run(), step):
        _trace_alone(rounds, step, cost, 1, LONG, show_values=show_values)


def _trace_alone(rounds: Rounds, step: str, cost: StepCost, number: int, length: Length, *, show_values: bool) -> None:
    room = _make_room(rounds, step)
    traced: dict[str, AgentLink] = {}
    try:
        first = _round(rounds, step, FIRST_DOSE * _workers(rounds), number, traced)
        duration = _traced_duration(rounds, first)
        for dose in explain_doses(duration, cost.growth, _workers(rounds), room, length):
            _round(rounds, step, dose, number, traced)
        inspect_holders(rounds, _paths(rounds, step), show_values=show_values)
    finally:
        _stop_tracing(rounds, traced)


def explain_background(rounds: Rounds, *, show_values: bool) -> None:
    """The same for what grows while nothing is requested."""
    traced: dict[str, AgentLink] = {}
    try:
        for seconds in _RESTS:
            _trace(rounds, traced)
            done = rounds.run(Phase.EXPLAIN, {}, alone=BACKGROUND, rest=seconds)
            take_snapshots(rounds, done.index)
        inspect_holders(rounds, _paths(rounds, BACKGROUND), show_values=show_values)
    finally:
        _stop_tracing(rounds, traced)


def explain_doses(
    duration: Seconds, growth: Bytes, workers: int, room: int | None = None, length: Length = SHORT
) -> Sequence[int]:
    """Requests of each further round: distinct primes, few where a request is slow under tracing or keeps much.

    `room` is how many requests each worker still serves before it is recycled, the first round included.
    """
    affordable = length.time / max(duration, 1e-4) / _ROUNDS / MEAN_MULTIPLE
    bearable = _GROWTH / max(growth, 1) / _ROUNDS / MEAN_MULTIPLE
    base = max(_SMALLEST_BASE, min(length.base, int(affordable), int(bearable)))
    if room is not None:
        base = max(_SMALLEST_BASE, min(base, base_for_total(room - FIRST_DOSE, _ROUNDS)))
    return [dose * workers for dose in prime_doses(base, _ROUNDS)]


def _make_room(rounds: Rounds, step: str) -> int | None:
    """Requests that each worker still serves; workers that are recycled too soon are used up first.

    A snapshot tells what grew only beside an earlier one of the same life. None where no worker is recycled.
    """
    life = life_span(rounds.recorder.run())
    if life is None:
        return None
    needed = min(life, FIRST_DOSE + sum(prime_doses(_SMALLEST_BASE, _ROUNDS)))
    left = _requests_left(rounds, life)
    for _ in range(_TRIES):
        short = [requests for requests in left if requests < needed]
        if not short:
            break
        rounds.run(Phase.EXPLAIN, {step: (max(short) + 1) * len(left)}, alone=step)
        left = _requests_left(rounds, life)
    return int(min(left) * _EVEN) if left else None


def _requests_left(rounds: Rounds, life: int) -> list[int]:
    served = []
    for link in rounds.serving().values():
        with suppress(AgentError):  # it is being recycled just now
            served.append(sum(link.stats().served.values()))
    return [max(0, life - requests) for requests in served]


def _round(rounds: Rounds, step: str, dose: int, number: int, traced: dict[str, AgentLink]) -> Round:
    _trace(rounds, traced)
    done = rounds.run(Phase.EXPLAIN, {step: dose}, alone=step, block=number)
    take_snapshots(rounds, done.index)
    return done


def _workers(rounds: Rounds) -> int:
    return max(1, len(rounds.serving()))


def _traced_duration(rounds: Rounds, done: Round) -> Seconds:
    """Duration of a request while allocations are traced: several times the usual one.

    The shortest of them: the first one pays for what tracing begins with, and a busy machine makes requests longer.
    """
    durations = [record.duration for record in rounds.recorder.run().requests if record.round == done.index]
    return min(durations, default=0.0)


def _trace(rounds: Rounds, traced: dict[str, AgentLink]) -> None:
    """Start tracing in the workers that do not trace yet: recycled ones are born in between."""
    for key, link in rounds.serving().items():
        if key in traced:
            continue
        try:
            link.trace(FRAMES)
        except AgentError as error:
            caveat_of(rounds, link, "not-traced", f"Allocations could not be traced: {error.message}")
        else:
            traced[key] = link


def _paths(rounds: Rounds, step: str) -> Sequence[GrowingPath]:
    found = (alone for alone in alone_rounds(rounds.recorder.run()) if alone.step == step)
    return [path for alone in found for path in growing_paths(alone)]


def _stop_tracing(rounds: Rounds, traced: dict[str, AgentLink]) -> None:
    for link in traced.values():
        try:
            link.trace(None)
        except AgentError as error:
            if link.alive:  # a recycled worker needs no stopping
                rounds.recorder.caveat("still-traced", f"Tracing could not be stopped: {error.message}")
