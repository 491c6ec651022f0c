"""Explain rounds: one route alone, allocations traced, a snapshot after each; then a closer look at what holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import median
from typing import Final

from leakhunt.analysis.explain import alone_rounds
from leakhunt.analysis.paths import growing_paths
from leakhunt.errors import AgentError
from leakhunt.hunt.calls import watch_calls
from leakhunt.hunt.doses import MEAN_MULTIPLE, base_for_total, prime_doses
from leakhunt.hunt.lives import life_span
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.run import BACKGROUND, Phase, Round
from leakhunt.model.snapshot import PathNode, Snapshot
from leakhunt.targets.hub import AgentLink
from leakhunt.units import Bytes, Seconds

_ROUNDS: Final = 3
"""After a first one, whose snapshot they are compared with."""
_FIRST_DOSE: Final = 2
_FRAMES: Final = 20
"""Enough to get from a library's innermost frame out to the view; each frame makes tracing slower."""
_TIME: Final[Seconds] = 1.2
"""Wanted duration of the requests after the first round."""
_RESTS: Final[tuple[Seconds, ...]] = (0.5, 2.0, 3.0, 5.0)
"""Seconds without load before each snapshot of what grows with time."""
_GROWTH: Final[Bytes] = 128 * 2**20
"""Wanted bound for what they leave behind."""
_SMALLEST_BASE: Final = 2
_LARGEST_BASE: Final = 17
_EVEN: Final = 0.8
"""Part of what a worker still serves that is planned for: another may get more than its share."""
_TRIES: Final = 3
"""How often workers are used up, since requests are not dealt out evenly."""
_HOLDERS: Final = 5
"""Holders of a step that are looked at more closely."""


def explain(rounds: Rounds, step: str, cost: StepCost, *, show_values: bool) -> None:
    """Record the snapshots that name line and holder of what `step` leaves behind.

    An agent that refuses or fails is a caveat, not an error: the verdict does not rest on these rounds.
    """
    room = _make_room(rounds, step)
    traced: dict[str, AgentLink] = {}
    try:
        first = _round(rounds, step, _FIRST_DOSE * _workers(rounds), traced)
        for dose in explain_doses(_traced_duration(rounds, first), cost.growth, _workers(rounds), room):
            _round(rounds, step, dose, traced)
        _inspect(rounds, step, show_values=show_values)
    finally:
        _stop_tracing(rounds, traced)
    watch_calls(rounds, step)


def explain_background(rounds: Rounds, *, show_values: bool) -> None:
    """The same for what grows while nothing is requested."""
    traced: dict[str, AgentLink] = {}
    try:
        for seconds in _RESTS:
            _trace(rounds, traced)
            done = rounds.run(Phase.EXPLAIN, {}, alone=BACKGROUND, rest=seconds)
            _snapshot(rounds, done.index)
        _inspect(rounds, BACKGROUND, show_values=show_values)
    finally:
        _stop_tracing(rounds, traced)


def explain_doses(duration: Seconds, growth: Bytes, workers: int, room: int | None = None) -> Sequence[int]:
    """Requests of each further round: distinct primes, few where a request is slow under tracing or keeps much.

    `room` is how many requests each worker still serves before it is recycled, the first round included.
    """
    affordable = _TIME / max(duration, 1e-4) / _ROUNDS / MEAN_MULTIPLE
    bearable = _GROWTH / max(growth, 1) / _ROUNDS / MEAN_MULTIPLE
    base = max(_SMALLEST_BASE, min(_LARGEST_BASE, int(affordable), int(bearable)))
    if room is not None:
        base = max(_SMALLEST_BASE, min(base, base_for_total(room - _FIRST_DOSE, _ROUNDS)))
    return [dose * workers for dose in prime_doses(base, _ROUNDS)]


def _make_room(rounds: Rounds, step: str) -> int | None:
    """Requests that each worker still serves; workers that are recycled too soon are used up first.

    A snapshot tells what grew only beside an earlier one of the same life. None where no worker is recycled.
    """
    life = life_span(rounds.recorder.run())
    if life is None:
        return None
    needed = min(life, _FIRST_DOSE + sum(prime_doses(_SMALLEST_BASE, _ROUNDS)))
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


def _round(rounds: Rounds, step: str, dose: int, traced: dict[str, AgentLink]) -> Round:
    _trace(rounds, traced)
    done = rounds.run(Phase.EXPLAIN, {step: dose}, alone=step)
    _snapshot(rounds, done.index)
    return done


def _workers(rounds: Rounds) -> int:
    return max(1, len(rounds.serving()))


def _traced_duration(rounds: Rounds, done: Round) -> Seconds:
    """Duration of a request while allocations are traced: several times the usual one."""
    durations = [record.duration for record in rounds.recorder.run().requests if record.round == done.index]
    return median(durations) if durations else 0.0


def _trace(rounds: Rounds, traced: dict[str, AgentLink]) -> None:
    """Start tracing in the workers that do not trace yet: recycled ones are born in between."""
    for key, link in rounds.serving().items():
        if key in traced:
            continue
        try:
            link.trace(_FRAMES)
        except AgentError as error:
            _caveat(rounds, link, "not-traced", f"Allocations could not be traced: {error.message}")
        else:
            traced[key] = link


def _snapshot(rounds: Rounds, index: int) -> None:
    with rounds.unwatched():
        _snapshot_all(rounds, index)


def _snapshot_all(rounds: Rounds, index: int) -> None:
    """One snapshot of each worker, as many at a time as there are processors: the children do the work."""
    links = tuple(rounds.serving().values())
    at_once = min(len(links), os.cpu_count() or 1)

    def take(link: AgentLink) -> Snapshot | AgentError:
        try:
            return link.snapshot(index, types=True, sites=True, paths=True, at_once=at_once)
        except AgentError as error:
            return error

    with ThreadPoolExecutor(max(1, at_once)) as threads:
        taken = list(threads.map(take, links))
    for link, snapshot in zip(links, taken, strict=True):
        if isinstance(snapshot, AgentError):
            _caveat(rounds, link, "no-snapshot", f"A snapshot could not be taken: {snapshot.message}")
            continue
        rounds.longest_pause = max(snapshot.pause, rounds.longest_pause or 0.0)
        _count_memory(rounds, link)
        rounds.recorder.snapshot(snapshot)
        for problem in snapshot.problems:
            rounds.recorder.caveat("snapshot", problem)


def _inspect(rounds: Rounds, step: str, *, show_values: bool) -> None:
    """Measure the holders of what grew, look for a cap, and ask for a second opinion on who holds it."""
    run = rounds.recorder.run()
    holders = {
        path.holder: [PathNode(-1, hop.edge, hop.type, 0, 0) for hop in path.hops[: path.top]]
        for alone in alone_rounds(run)
        if alone.step == step
        for path in growing_paths(alone)[:_HOLDERS]
        if path.top > 0
    }
    if not holders:
        return
    index = run.rounds[-1].index
    for link in rounds.serving().values():
        try:
            with rounds.unwatched():
                containers = link.inspect(index, tuple(holders.items()), values=show_values)
        except AgentError as error:
            _caveat(rounds, link, "not-inspected", f"The holders could not be measured: {error.message}")
            continue
        _count_memory(rounds, link)
        for container in containers:
            rounds.recorder.container(container)


def _count_memory(rounds: Rounds, link: AgentLink) -> None:
    if link.child_memory is not None:
        rounds.child_memory = max(link.child_memory, rounds.child_memory or 0)


def _caveat(rounds: Rounds, link: AgentLink, code: str, text: str) -> None:
    """Record it, unless the worker has just been recycled: another one takes its place."""
    if not rounds.has_ended(link):
        rounds.recorder.caveat(code, text)


def _stop_tracing(rounds: Rounds, traced: dict[str, AgentLink]) -> None:
    for link in traced.values():
        try:
            link.trace(None)
        except AgentError as error:
            if link.alive:  # a recycled worker needs no stopping
                rounds.recorder.caveat("still-traced", f"Tracing could not be stopped: {error.message}")
