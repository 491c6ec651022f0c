"""From options to a visit: an app that runs already, and is sent nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leakhunt.cli.request import NOT_GIVEN, beside, check_attach, chosen_settings, first, refuse
from leakhunt.errors import UsageError
from leakhunt.model.budget import Budget
from leakhunt.runfile import RUNS
from leakhunt.targets.attached import AttachSpec
from leakhunt.units import Seconds

DURATION: Final[Seconds] = 120.0
LONGEST_VISIT: Final[Seconds] = 30 * 86400.0
_LOAD_ONLY: Final = (
    *("url", "allow_host", "file", "body", "header", "seed", "concurrency", "requests", "budget_time", "memory_limit"),
    *("quick", "strict", "peaks", "show_values"),
)


@dataclass(frozen=True, slots=True)
class VisitRequest:
    """The options of a command line that say which app to look at under its own traffic, and for how long."""

    attach: AttachSpec
    duration: Seconds
    budget: Budget | None
    snapshots: bool
    allow_gc: bool
    record_only: bool
    runs: Path
    """As in `Request`."""
    output: Path | None


def read_visit(options: Mapping[str, Any]) -> VisitRequest | None:
    """The visit that is asked for, to a process that runs already and is sent nothing; None if a workload is replayed.

    Raises:
        UsageError: the options contradict each other.
    """
    pid, duration = options["pid"], options["duration"]
    sent = [name for name in ("workload", "upload", "request") if options[name] not in NOT_GIVEN]
    if duration is not None and pid is None:
        raise UsageError(
            "--duration is how long to look on at an app that runs already, and there is no --pid",
            "How long a workload is replayed is said by --budget-time.",
        )
    if duration is not None and sent:
        raise UsageError(
            f"--duration and --{sent[0]} exclude each other: either leakhunt sends requests or it looks on",
            "How long a workload is replayed is said by --budget-time.",
        )
    settings = chosen_settings(options["chdir"])
    if pid is None or sent or (duration is None and settings.workload is not None):
        return None
    check_attach(options["app"], options["command"], options)
    refuse(_LOAD_ONLY, options, "an app that is sent nothing", "Leave it out, or say what to send with --request.")
    return VisitRequest(
        attach=AttachSpec(pid=pid, whole_tree=options["tree"], app=options["app_name"], loaded=False),
        duration=first(duration, DURATION),
        budget=first(options["budget"], settings.budget),
        snapshots=options["explain"],
        allow_gc=options["allow_gc"],
        record_only=options["record_only"],
        runs=beside(settings, settings.output) or RUNS,
        output=options["output"],
    )
