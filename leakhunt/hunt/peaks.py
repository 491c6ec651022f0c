"""Peak rounds: one request at a time, at several upload sizes, each after its worker's high-water mark was reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leakhunt.errors import AgentError, TargetError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.measurement import PeakSample
from leakhunt.model.run import Phase, Role
from leakhunt.samplers.memory import ProcessGone, read_rss
from leakhunt.samplers.peak import read_peak, reset_peak
from leakhunt.units import Bytes
from leakhunt.workload.scenario import Step

_REPEATS: Final = 2
_LARGE: Final[Bytes] = 20 * 2**20
"""The largest upload is at least this: frameworks keep small uploads in memory and write large ones to disk, and it
is the large ones whose peak kills a worker."""


def measure_peaks(rounds: Rounds, steps: tuple[Step, ...]) -> None:
    """Record a `PeakSample` for each request of the peak rounds; a kernel that refuses the reset is a caveat."""
    for step in steps:
        for size in peak_sizes(step):
            for _ in range(_REPEATS):
                try:
                    _measure(rounds, step.name, size)
                except TargetError as error:
                    rounds.recorder.caveat("no-peaks", error.message)
                    return


def peak_sizes(step: Step) -> tuple[Bytes | None, ...]:
    """Upload sizes to try, ascending; `(None,)`, the step's own size, where nothing is uploaded."""
    if not step.files:
        return (None,)
    largest = max(_LARGE, sum(part.size.high for part in step.files))
    return (largest // 4, largest // 8 * 5, largest)


def _measure(rounds: Rounds, step: str, size: Bytes | None) -> None:
    before = {}
    _give_back_free_memory(rounds)
    for key, pid in _workers(rounds).items():
        try:
            reset_peak(pid)
            before[key] = read_rss(pid)
        except ProcessGone:
            continue
    requests = rounds.send_one(Phase.PEAK, step, size)
    if len(requests) != 1 or not requests[0].expected:
        return  # too large for the app, say; a peak of a refused upload says nothing
    highest = _highest(_workers(rounds), before)
    if highest is not None:
        key, peak = highest
        rounds.recorder.peak(PeakSample(step, key, requests[0].sent, peak))


def _give_back_free_memory(rounds: Rounds) -> None:
    """Free memory that malloc still has would serve the request, and its peak would not be seen."""
    if not rounds.allow_gc:
        rounds.recorder.caveat(
            "not-trimmed",
            "Peaks may be too low: without --allow-gc free memory stays with the app, and serves requests.",
        )
        return
    for link in rounds.serving().values():
        try:
            link.trim()
        except AgentError as error:
            if rounds.has_ended(link):
                continue
            rounds.recorder.caveat("not-trimmed", f"Peaks may be too low: {error.message}")


def _highest(workers: Mapping[str, int], before: Mapping[str, Bytes]) -> tuple[str, Bytes] | None:
    """The worker whose mark rose most, and how far: at one request at a time it is the one that served."""
    rises = {}
    for key, level in before.items():
        try:
            rises[key] = max(0, read_peak(workers[key]) - level)
        except (KeyError, ProcessGone):  # it ended meanwhile
            continue
    return max(rises.items(), key=lambda rise: rise[1], default=None)


def _workers(rounds: Rounds) -> Mapping[str, int]:
    return {
        worker.key: worker.pid
        for worker in rounds.target.workers()
        if worker.died is None and worker.role is Role.WORKER
    }
