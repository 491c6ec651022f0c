"""`leakhunt profile --pid` without a workload: an app under its own traffic.

What is imported here is all that there is of leakhunt while it is attached. Analysis and reports come after that.
"""

from __future__ import annotations

import gc
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from leakhunt import __version__
from leakhunt.cli.progress import Progress
from leakhunt.cli.visit import VisitRequest
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.natural import Visit, interval_of, observe
from leakhunt.hunt.settings import Observer
from leakhunt.model.report import Report
from leakhunt.model.run import ATTACHED, NATURAL, Plan
from leakhunt.runfile import RunWriter, read_run, run_directory
from leakhunt.samplers.headroom import available_memory, shared_limit
from leakhunt.targets.attached import AttachedTarget
from leakhunt.units import format_size


def look_on(request: VisitRequest, typed: str) -> tuple[Report | str, Path]:
    """Attach, look on, detach, and only then judge what was seen; of what is only recorded, how it ended.

    `typed` are the flags by which the next command finds the same process.
    """
    directory, outcome = _record(request, typed)
    if request.record_only:
        return outcome, directory
    gc.collect()  # whatever the visit has left behind makes room for what comes now
    from leakhunt.analysis.analyse import analyse
    from leakhunt.reports.write import write_all

    report = analyse(read_run(directory))
    write_all(report, directory)
    return report, directory


def _record(request: VisitRequest, typed: str) -> tuple[Path, str]:
    clock, now = start_clock(), datetime.now(timezone.utc)
    name = f"pid-{request.attach.pid}"
    directory = request.output or run_directory(request.runs, name, now)
    with ExitStack() as stack:
        target = AttachedTarget(request.attach, clock=clock)
        stack.callback(target.stop)
        writer = stack.enter_context(
            RunWriter(
                directory,
                name=name,
                started_at=now.isoformat(timespec="seconds"),
                leakhunt=__version__,
                plan=_plan(request, typed),
            )
        )
        progress = stack.enter_context(Progress(Console(stderr=True)))
        writer.conditions({**machine(), "run directory": str(directory)})
        progress.note(target.announcement)
        say_whose_memory(target, progress)
        visit = Visit(request.duration, request.snapshots, request.allow_gc)
        outcome = observe(target=target, writer=writer, visit=visit, observer=progress, clock=clock)
    return directory, outcome


def say_whose_memory(target: AttachedTarget, observer: Observer) -> None:
    """One line if what leakhunt takes is missing to the app, because one limit is for both."""
    pid = target.scope.root.pid
    limit = shared_limit(pid)
    if limit is not None:
        observer.note(
            f"leakhunt runs under the same memory limit as PID {pid} ({limit.source}: {format_size(limit.size)}, "
            f"{format_size(limit.left)} left)."
        )


def _plan(request: VisitRequest, typed: str) -> Plan:
    options = {
        "duration": f"{request.duration:g} s",
        "interval": f"{interval_of(request.duration):g} s",
        "flags": typed,
    }
    if request.budget is not None:
        options["budget"] = request.budget.text
    return Plan(f"PID {request.attach.pid}", NATURAL, ATTACHED, seed=0, concurrency=0, options=options)


def machine() -> Mapping[str, str]:
    """What leakhunt runs on."""
    return {
        "leakhunt": __version__,
        "leakhunt's python": platform.python_version(),
        "directory": str(Path.cwd()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "available memory": format_size(available_memory()),
    }
