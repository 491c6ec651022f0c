"""`leakhunt check`: the gate of a CI job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from leakhunt.analysis.gate import judge_gate
from leakhunt.analysis.same_leak import Leak, leaks_of
from leakhunt.cli.ci import repository_root, tell_ci
from leakhunt.cli.flags import given_flags
from leakhunt.cli.options import (
    AfterDashes,
    PathType,
    SecondsType,
    experiment_options,
    launch_options,
    workload_options,
)
from leakhunt.cli.profile import profile, typed
from leakhunt.cli.reference import ReferenceChoice, choose_reference
from leakhunt.cli.request import Request, first, read_request
from leakhunt.cli.show import has_terminal
from leakhunt.cli.shrink import SHRINK_TIME, shrink
from leakhunt.errors import RunFileError, UsageError
from leakhunt.hunt.session import INTERRUPTED
from leakhunt.hunt.settings import Settings
from leakhunt.model.budget import Budget
from leakhunt.model.gate import Budgets, Gate, KnownLeak, Outcome
from leakhunt.model.report import Report
from leakhunt.model.run import Effort
from leakhunt.project.known import FILE, Acceptance, accept, read_known
from leakhunt.project.reference import FILE as REFERENCE
from leakhunt.reports import codequality, gate_json, gate_markdown, gate_sarif, junit, openmetrics
from leakhunt.reports import gate as text
from leakhunt.reports.write import PAGE
from leakhunt.units import Seconds
from leakhunt.workload.bounds import LONGEST_BUDGET

EXIT_CODES: Final[Mapping[Outcome, int]] = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.UNDECIDED: 4}
_COLOURS: Final[Mapping[Outcome, str]] = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.UNDECIDED: "yellow"}
_EXIT_INTERRUPTED: Final = 130

_FILES: Final[Mapping[str, Callable[[Gate, Report, Path], str]]] = {
    "junit": lambda gate, report, _: junit.render(gate, report),
    "sarif": lambda gate, _, root: gate_sarif.render(gate, root),
    "codequality": lambda gate, _, root: codequality.render(gate, root),
    "gitlab-metrics": lambda gate, report, _: openmetrics.render(gate, report),
    "markdown": lambda gate, report, _: gate_markdown.render(gate, report),
    "json": lambda gate, report, _: gate_json.render(gate, report),
}
"""Writers by option and by key of the settings."""
_OWN: Final = (
    *("known", "accept", "reason", "owner", "expires", "reference", "update_reference", "shrink", "shrink_time"),
    *("ci", "memory_limit", "budget", "strict", "output"),
    *(name.replace("-", "_") for name in _FILES),
)
"""Parameters that `leakhunt lines` has not."""
_REPLACED: Final = (
    *("workload", "upload", "file", "request", "body", "seed", "concurrency"),
    *("requests", "budget_time"),
)
"""Parameters that a smaller workload has values of its own for."""


@click.command("check", cls=AfterDashes)
@launch_options
@workload_options
@experiment_options
@click.option("--known", type=PathType(), metavar="FILE", help=f"Leaks that are accepted.  [default: {FILE}]")
@click.option("--accept", is_flag=True, help="Add what fails to that file; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why it is accepted.")
@click.option("--owner", metavar="NAME", help="Who looks after it.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day on which it is accepted.")
@click.option(
    "--reference",
    type=PathType(),
    metavar="FILE|RUN",
    help=f"Judge how much more is kept than in that run.  [default: {REFERENCE}]",
)
@click.option("--update-reference", is_flag=True, help="Write that file anew from this run.")
@click.option("--junit", type=PathType(), metavar="FILE", help="Write JUnit XML.")
@click.option("--sarif", type=PathType(), metavar="FILE", help="Write SARIF 2.1.0.")
@click.option("--codequality", type=PathType(), metavar="FILE", help="Write GitLab's Code Quality report.")
@click.option("--gitlab-metrics", type=PathType(), metavar="FILE", help="Write GitLab's metrics report.")
@click.option("--markdown", type=PathType(), metavar="FILE", help="Write Markdown for a pull request.")
@click.option("--json", type=PathType(), metavar="FILE", help="Write report.json there.")
@click.option("--shrink", is_flag=True, help="For each leak that fails, find the smallest workload that shows it.")
@click.option(
    "--shrink-time",
    type=SecondsType(most=LONGEST_BUDGET),
    metavar="SECONDS",
    help=f"Time for that.  [default: {SHRINK_TIME:.0f}]",
)
@click.option("--ci/--no-ci", default=True, help="On GitHub Actions, annotate lines and write the step's summary.")
def command(**options: Any) -> int:
    """Fail where a web app's memory breaks the limits of its project.

    Target, workload and limits stand in [tool.leakhunt] of pyproject.toml, or in leakhunt.toml; flags win.

    Exit codes: 0 every limit was kept, 1 one was broken, 4 the run could not tell.
    """
    acceptance = _acceptance(options)
    request = read_request({**options, "quick": False}, start=("leakhunt", "check"))
    project = request.project
    files = dict(_files(options, request))
    _make_room(files)
    if options["shrink_time"] is not None and not options["shrink"]:
        raise UsageError("--shrink-time has no effect without --shrink", "Add --shrink, or leave it out.")
    known_file = options["known"] or (project.beside(project.known) if project.known else project.beside(FILE))
    known = read_known(known_file)
    budgets = _budgets(request, options["budget"])
    reference = _reference(options, request, budgets)
    seed = reference.seed(first(options["seed"], project.seed))
    request = replace(request, seed=seed, budget=budgets.smallest_growth)
    flags = typed(click.get_current_context(), without=_OWN)
    run, report, directory = profile(request, _settings(request, reference), flags)
    if report.outcome == INTERRUPTED:
        return _EXIT_INTERRUPTED

    compared = reference.compared(run, report)

    def judge(known: Sequence[KnownLeak]) -> Gate:
        return judge_gate(report, budgets, known, today=_today(), compared=compared)

    gate = judge(known)
    if acceptance is not None:
        _accept(gate, known_file, acceptance)
        gate = judge(read_known(known_file))
    if options["shrink"]:
        most = options["shrink_time"] or SHRINK_TIME
        leaks = tuple(leaks_of(gate, report))
        report = _with_reproductions(report, leaks, request, _settings(request, reference), most, directory)
    _write_files(files, gate, report, repository_root(request.chdir))
    _show(gate, report)
    if (directory / PAGE).exists():
        click.echo(f"Report: {directory / PAGE}")
    if options["ci"]:
        tell_ci(gate, report, repository_root(request.chdir))
    return EXIT_CODES[gate.outcome]


def _with_reproductions(
    report: Report, leaks: Sequence[Leak], request: Request, settings: Settings, most: Seconds, directory: Path
) -> Report:
    """The report, with the smallest workload for each leak that failed."""
    if not leaks:
        click.echo("No leak failed, so there is nothing to shrink.", err=True)
        return report
    launch = given_flags(click.get_current_context(), without=(*_OWN, *_REPLACED))
    return replace(report, reproductions=shrink(request, settings, leaks, most, launch, directory))


def _reference(options: Mapping[str, Any], request: Request, budgets: Budgets) -> ReferenceChoice:
    """What to compare with, once it fits the workload and the limits."""
    reference = choose_reference(options, request.project)
    reference.check_workload(request.workload)
    limited = any(limits.new_types is not None for limits in (budgets.every, *budgets.routes.values()))
    if limited and reference.found is None and not reference.update:
        raise UsageError(
            "the limit new-types compares with a reference, and there is none",
            "Write one with --update-reference, or take new-types out.",
        )
    return reference


def _settings(request: Request, reference: ReferenceChoice) -> Settings:
    return Settings(
        seed=request.seed,
        budget=request.budget_time,
        memory_limit=request.memory_limit,
        max_requests=request.requests,
        effort=request.effort,
        peaks=request.effort is not Effort.QUICK,
        explain=True,
        show_values=False,
        live=False,
        allow_gc=True,
        doses={} if reference.found is None else reference.found.doses,
    )


def _budgets(request: Request, flag: Budget | None) -> Budgets:
    """The limits of the project; `--budget`, or else its key, counts for routes without a growth of their own."""
    budgets = request.project.budgets
    growth = flag or budgets.every.growth or request.budget
    return replace(budgets, every=replace(budgets.every, growth=growth))


def _acceptance(options: Mapping[str, Any]) -> Acceptance | None:
    if options["accept"] and not options["reason"]:
        raise UsageError("--accept needs a reason", 'Say why the leak may stay: --reason "mended with release 2.4".')
    for name in ("reason", "owner", "expires"):
        if options[name] is not None and not options["accept"]:
            raise UsageError(f"--{name} has no effect without --accept", "Add --accept, or leave it out.")
    if not options["accept"]:
        return None
    expires: datetime | None = options["expires"]
    return Acceptance(options["reason"], options["owner"], None if expires is None else expires.date())


def _accept(gate: Gate, file: Path, acceptance: Acceptance) -> None:
    """Make all suspects of failed checks known."""
    suspects = [suspect for check in gate.of(Outcome.FAILED) for suspect in check.suspects]
    added = accept(file, suspects, acceptance)
    click.echo(f"{len(added)} added to {file}.", err=True)


def _files(options: Mapping[str, Any], request: Request) -> Iterator[tuple[str, Path]]:
    """The files that were asked for, flags first."""
    project = request.project
    for name in _FILES:
        flag = options[name.replace("-", "_")]
        if flag is not None:
            yield name, flag
        elif name in project.reports:
            yield name, project.beside(project.reports[name])


def _make_room(files: Mapping[str, Path]) -> None:
    """Make the directories that files go into, before the minutes that the run takes."""
    for name, path in files.items():
        with _writing(name, path):
            path.parent.mkdir(parents=True, exist_ok=True)


def _write_files(files: Mapping[str, Path], gate: Gate, report: Report, root: Path) -> None:
    for name, path in files.items():
        with _writing(name, path):
            path.write_text(_FILES[name](gate, report, root), encoding="utf-8", errors="backslashreplace")


@contextmanager
def _writing(name: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFileError(
            f"The {name} report cannot be written to {path}: {error.strerror}.", f"Choose another place with --{name}."
        ) from error


def _show(gate: Gate, report: Report) -> None:
    """The answer; on a terminal in its colour, and no wider than that is."""
    if not has_terminal():
        click.echo(text.render(gate, report))
        return
    word, blank, rest = text.render(gate, report, width=get_terminal_size().columns).partition(" ")
    coloured = word if os.environ.get("NO_COLOR") else click.style(word, fg=_COLOURS[gate.outcome], bold=True)
    click.echo(f"{coloured}{blank}{rest}")


def _today() -> date:
    return datetime.now(timezone.utc).date()
