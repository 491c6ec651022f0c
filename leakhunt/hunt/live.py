"""What is different about a target that ran before and has other users."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from leakhunt.errors import AgentError, TargetError
from leakhunt.hunt.recorder import Recorder
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.run import Role, Run
from leakhunt.samplers.activity import cpu_of
from leakhunt.samplers.memory import ProcessGone, read_rss
from leakhunt.targets.base import Target
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds


def used_memory(target: Target) -> Bytes:
    """RSS of all its processes together, as of now."""
    total = 0
    for worker in target.workers():
        with suppress(ProcessGone):
            total += read_rss(worker.pid) if worker.died is None else 0
    return total


def used_time(target: Target) -> Mapping[int, Seconds]:
    """Processor time of each of its processes so far, by pid."""
    return {worker.pid: cpu_of([worker.pid]) for worker in target.workers() if worker.died is None}


class _Caveats(Protocol):
    """Whatever writes caveats down."""

    def caveat(self, code: str, text: str) -> None: ...


def say_what_was_spared(recorder: _Caveats) -> None:
    """A caveat that nothing was forced, and what that costs."""
    recorder.caveat(
        "no-gc",
        "The app was never made to collect garbage or to give free memory back (--allow-gc permits it), so cycles that "
        "wait for the collector, and what malloc keeps, may look like growth.",
    )


def require_seen(rounds: Rounds) -> None:
    """Raise TargetError if requests are counted in the processes attached to, and none of ours has come there.

    What is measured then is not what is loaded, and would look clean.
    """
    ours, _, missing = count_requests(rounds.recorder.run())
    if ours and missing == ours and any(map(_is_hooked, rounds.target.links().values())):
        raise TargetError(
            f"none of the {ours} requests that leakhunt sent has come to the processes it is attached to",
            "Look at --url, and give the PID of the server itself.",
        )


def _is_hooked(link: AgentLink) -> bool:
    try:
        return link.stats().hooked
    except AgentError:
        return False


def say_who_else_came(recorder: Recorder) -> None:
    """A caveat if the app has served requests that are not ours, or others have served requests of ours."""
    if not any(sample.served for done in recorder.run().rounds for sample in done.samples):
        return  # none is counted
    ours, others, missing = count_requests(recorder.run())
    if others:
        recorder.caveat(
            "other-traffic",
            f"The app served {others} requests of others while leakhunt sent {ours}; what they leave behind is counted "
            "as growth, too.",
        )
    if missing:
        recorder.caveat(
            "not-all-seen",
            f"{missing} of the {ours} requests that leakhunt sent were not seen in the processes it is attached to.",
        )


def count_requests(run: Run) -> tuple[int, int, int]:
    """Requests that we have sent, that others have, and that we sent but no agent has seen.

    Counted from the first round on that was sampled; before it come the sign-in and what agents cannot tell apart.
    """
    servers = {worker.key for worker in run.workers if worker.role is Role.WORKER}
    answered = [record.round for record in run.requests if record.status is not None]
    ours = others = missing = unsampled = 0
    before: dict[str, int] | None = None
    for done in run.rounds:
        sent = unsampled + answered.count(done.index)
        now = {each.worker: sum(each.served.values()) for each in done.samples if each.worker in servers}
        if not now:
            unsampled = sent
            continue
        if before is not None:
            served = sum(max(0, total - before.get(worker, 0)) for worker, total in now.items())
            ours, others, missing = ours + sent, others + max(0, served - sent), missing + max(0, sent - served)
        before, unsampled = {**(before or {}), **now}, 0
    return ours, others, missing
