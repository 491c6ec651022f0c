"""`leakhunt profile`: the main job."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from leakhunt import __version__
from leakhunt.cli.flags import given_flags
from leakhunt.cli.natural import look_on, machine, say_whose_memory
from leakhunt.cli.options import (
    AfterDashes,
    SecondsType,
    attach_options,
    experiment_options,
    launch_options,
    workload_options,
)
from leakhunt.cli.progress import Progress
from leakhunt.cli.request import (
    Request,
    connect,
    make_target,
    read_request,
)
from leakhunt.cli.show import show, show_recorded
from leakhunt.cli.visit import DURATION, LONGEST_VISIT, read_visit
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.natural import INTERRUPTED
from leakhunt.hunt.recorder import Recorder
from leakhunt.hunt.settings import Settings
from leakhunt.model.report import Report, Verdict
from leakhunt.model.run import ATTACHED, EFFORT, OWN_COMMAND, Effort, Plan, Run
from leakhunt.runfile import RunWriter, run_directory
from leakhunt.targets.attached import AttachedTarget

EXIT_CODES: Final[Mapping[Verdict, int]] = {
    Verdict.CLEAN: 0,
    Verdict.BOUNDED: 0,
    Verdict.LEAK: 1,
    Verdict.INCONCLUSIVE: 4,
    # Neither is proven.
    Verdict.SUSPECTED: 4,
    Verdict.NOT_SEEN: 4,
}
_EXIT_INTERRUPTED: Final = 130
_OWN: Final = (
    *("memory_limit", "budget", "strict", "peaks", "explain", "show_values"),
    *("pid", "tree", "app_name", "allow_gc", "duration", "record_only"),
)
"""Parameters that `leakhunt lines` has not."""
_ELSEWHERE: Final = ("output", "budget_time", "requests", "quick")
"""Parameters that a second run has values of its own for, or does without."""


@click.command("profile", cls=AfterDashes)
@launch_options
@attach_options
@workload_options
@experiment_options
@click.option("--quick", is_flag=True, help="Stop at the first evidence; the verdict is provisional.")
@click.option(
    "--peaks/--no-peaks",
    default=None,
    help="Measure the peak memory of single requests.  [default: --peaks, with --quick or --pid --no-peaks]",
)
@click.option("--explain/--no-explain", default=True, help="Trace the routes that grow: line and holder.")
@click.option(
    "--duration",
    type=SecondsType(most=LONGEST_VISIT),
    metavar="SECONDS",
    help=f"With --pid and without a workload: how long to look on at its own traffic.  [default: {DURATION:.0f}]",
)
@click.option("--record-only", is_flag=True, help="Only record; `leakhunt report RUN` judges it, here or elsewhere.")
@click.option("--show-values", is_flag=True, help="Show strings of the heap instead of their type and length.")
def command(**options: Any) -> int:
    """Replay a workload against a web app and judge whether its memory leaks.

    Give the app as MODULE:CALLABLE, or the command that serves it after `--`, or the process it runs in:

    \b
      leakhunt profile courseware.wsgi:application --workload uploads.toml
      leakhunt profile --workload uploads.toml -- gunicorn -w 3 courseware.wsgi
      leakhunt profile --workload uploads.toml --pid 4711

    With --pid and without a workload nothing is sent: leakhunt looks on at the app's own traffic, and suspects.
    """  # noqa: D301  # click wants the character itself
    context = click.get_current_context()
    visit = read_visit(options)
    if visit is not None:
        report, directory = look_on(visit, given_flags(context, without=("output", "duration", "record_only")))
        return _end(report, directory)
    request = read_request(options)
    settings = Settings(
        seed=request.seed,
        budget=request.budget_time,
        memory_limit=request.memory_limit,
        max_requests=request.requests,
        effort=request.effort,
        peaks=_peaks(request) if options["peaks"] is None else options["peaks"],
        explain=options["explain"],
        show_values=options["show_values"],
        live=request.attach is not None,
        allow_gc=request.attach is None or options["allow_gc"],
    )
    if options["record_only"]:
        run, directory = record(request, settings, typed(context, without=_OWN))
        return _end(run.outcome or INTERRUPTED, directory)
    _, report, directory = profile(request, settings, typed(context, without=_OWN))
    return _end(report, directory)


def _end(report: Report | str, directory: Path) -> int:
    """Show what was found, or where it was recorded; the exit code. Of what was only recorded the outcome is known."""
    if isinstance(report, str):
        show_recorded(directory)
        return _EXIT_INTERRUPTED if report == INTERRUPTED else 0
    show(report, directory)
    if report.outcome == INTERRUPTED:
        return _EXIT_INTERRUPTED
    return EXIT_CODES[report.judgement.verdict]


def _peaks(request: Request) -> bool:
    """Whether to measure peaks where that is not said: the large uploads that it takes are not for an app in use."""
    return request.effort is not Effort.QUICK and request.attach is None


def typed(context: click.Context, *, without: Collection[str]) -> Mapping[str, str]:
    """What has to be typed to run the target again, and to run the experiment on it again.

    The parameters `without` are the command's own, which other commands have not.
    """
    others = {parameter.name or "" for parameter in context.command.params} - set(without)
    experiment = given_flags(context, without=others)
    return {
        "flags": given_flags(context, without=(*without, *_ELSEWHERE)),
        **({"experiment flags": experiment} if experiment else {}),
    }


def profile(request: Request, settings: Settings, flags: Mapping[str, str]) -> tuple[Run, Report, Path]:
    """Start or attach to the target, run the experiment, write run and reports; both and the run directory."""
    from leakhunt.analysis.analyse import analyse
    from leakhunt.reports.write import write_all

    run, directory = record(request, settings, flags)
    report = analyse(run)
    write_all(report, directory)
    return run, report, directory


def record(
    request: Request, settings: Settings, flags: Mapping[str, str], *, aside: str | None = None
) -> tuple[Run, Path]:
    """The same without a report; the run and its directory. `aside` is for `Progress`."""
    # Who only looks on at an app gets by without all that this brings along.
    from leakhunt.hunt.session import hunt

    clock, now = start_clock(), datetime.now(timezone.utc)
    name = _run_name(request)
    directory = request.output or run_directory(request.runs, name, now)
    head: dict[str, Any] = {
        "name": name,
        "started_at": now.isoformat(timespec="seconds"),
        "leakhunt": __version__,
        "plan": _plan(request, settings, flags),
    }
    with ExitStack() as stack:
        target = make_target(request, clock)
        stack.callback(target.stop)  # it has a directory of its own even before it is started
        writer = stack.enter_context(RunWriter(directory, **head))
        progress = stack.enter_context(Progress(Console(stderr=True), aside))
        recorder = Recorder(writer, **head)
        recorder.conditions({**machine(), "run directory": str(directory)})
        if isinstance(target, AttachedTarget):
            progress.note(target.announcement)
            say_whose_memory(target, progress)
            _say_what_is_not_started(request, recorder)
        run = hunt(
            target=target,
            workload=request.workload,
            connect=lambda started: connect(request, started, clock),
            settings=settings,
            recorder=recorder,
            observer=progress,
            directory=directory,
            clock=clock,
        )
    return run, directory


def _say_what_is_not_started(request: Request, recorder: Recorder) -> None:
    """Set-up commands and companions of a workload come before an app, and this one runs already."""
    if request.workload.setup or request.workload.companions:
        recorder.caveat(
            "not-set-up", "The workload's set-up commands and companions were not started, since the app runs already."
        )


def _run_name(request: Request) -> str:
    if request.attach is not None:
        return f"pid-{request.attach.pid}"
    if request.app is not None:
        return request.app.partition(":")[0]
    return Path(request.command[0]).name


def _plan(request: Request, settings: Settings, flags: Mapping[str, str]) -> Plan:
    options = {"time budget": f"{settings.budget:.0f} s"}
    if request.budget is not None:
        options["budget"] = request.budget.text
    if settings.effort is not Effort.NORMAL:
        options[EFFORT] = settings.effort.value
    if request.chdir != Path.cwd():
        below = request.chdir.is_relative_to(Path.cwd())
        options["chdir"] = str(request.chdir.relative_to(Path.cwd()) if below else request.chdir)
    if request.env:
        options["env"] = ", ".join(sorted(request.env))  # names only: values may be secrets
    if request.workload.inputs != "distinct":
        options["inputs"] = request.workload.inputs
    return Plan(
        target=request.target_name,
        workload=request.workload.source,
        server=ATTACHED if request.attach is not None else request.server if request.app is not None else OWN_COMMAND,
        seed=request.seed,
        concurrency=request.concurrency,
        workers=request.workers if request.app is not None else None,
        threads=request.threads if request.app is not None else None,
        max_requests=request.requests,
        memory_limit=settings.memory_limit,
        options={**options, **flags},
    )
