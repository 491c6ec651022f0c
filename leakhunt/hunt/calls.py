"""The last of the explain rounds: one route alone, nothing traced, memory read around what leads into extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from leakhunt.analysis.leads import wants_calls
from leakhunt.errors import AgentError
from leakhunt.hunt.packages import Packages
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.calls import CallTable
from leakhunt.model.run import Phase
from leakhunt.targets.link import AgentLink
from leakhunt.units import Seconds

_FIRST_DOSE: Final = 3
"""Requests that are not counted: they pay for looking into the code."""
_LARGEST_DOSE: Final = 40
_TIME: Final[Seconds] = 2.0
"""Wanted duration of the requests after the first."""
_EVERYTHING_SKIPPED: Final = "Calls into extensions were not measured: %s."
_MUCH_SKIPPED: Final = "Calls into extensions were measured only in part: %s."


def watch_calls(rounds: Rounds, step: str) -> None:
    """Record what stays after each operation of `step` that leads into an extension, if anything is left to explain.

    An agent that refuses or fails is a caveat, not an error.
    """
    if not wants_calls(rounds.recorder.run(), step):
        return
    watched = _start(rounds)
    try:
        workers = max(1, len(watched))
        first = rounds.run(Phase.CALLS, {step: _FIRST_DOSE * workers}, alone=step)
        durations = [record.duration for record in rounds.recorder.run().requests if record.round == first.index]
        _read(rounds, watched, first.index)
        dose = min(_LARGEST_DOSE, max(_FIRST_DOSE, int(_TIME / max(median(durations or [_TIME]), 1e-4))))
        second = rounds.run(Phase.CALLS, {step: dose * workers}, alone=step)
        tables = _read(rounds, watched, second.index)
    finally:
        for link in watched.values():
            with suppress(AgentError):  # it has been recycled, or has left
                link.stop_watching()
    packages = Packages()
    for table in tables.values():
        rounds.recorder.calls(_with_packages(table, packages))
    _say_what_was_skipped(rounds, tuple(tables.values()))


def _say_what_was_skipped(rounds: Rounds, tables: Sequence[CallTable]) -> None:
    """Add a caveat if half of the requests or more could not be watched, or not to their end."""
    requests = sum(table.requests for table in tables)
    skipped = sum(sum(table.skipped.values()) for table in tables)
    if skipped and 2 * skipped >= requests:
        reasons = ", ".join(sorted({reason for table in tables for reason in table.skipped}))
        rounds.recorder.caveat("calls-not-watched", (_MUCH_SKIPPED if requests else _EVERYTHING_SKIPPED) % reasons)


def _start(rounds: Rounds) -> Mapping[str, AgentLink]:
    watched = {}
    for key, link in rounds.serving().items():
        try:
            link.watch(-1)
        except AgentError as error:
            if not rounds.has_ended(link):
                rounds.recorder.caveat("calls-not-watched", _EVERYTHING_SKIPPED % error.message)
        else:
            watched[key] = link
    return watched


def _read(rounds: Rounds, watched: Mapping[str, AgentLink], index: int) -> dict[str, CallTable]:
    tables = {}
    for key, link in watched.items():
        try:
            tables[key] = link.watch(index)
        except AgentError as error:
            if not rounds.has_ended(link):
                rounds.recorder.caveat("calls-not-watched", _EVERYTHING_SKIPPED % error.message)
    return tables


def _with_packages(table: CallTable, packages: Packages) -> CallTable:
    """The table, with the distribution that each shared object belongs to."""
    operations = []
    for operation in table.operations:
        callees = []
        for callee in operation.callees:
            package, version = packages.owner(Path(callee.file)) or (None, None)
            callees.append(replace(callee, package=package, version=version))
        operations.append(replace(operation, callees=tuple(callees)))
    return replace(table, operations=tuple(operations))
