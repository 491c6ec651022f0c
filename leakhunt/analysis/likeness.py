"""What makes two runs less comparable: differences between them other than the one that is asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.model.report import Report
from leakhunt.model.run import EFFORT, WATCHED, Caveat, Effort, Phase, Run

_MINOR: Final = re.compile(r"(\d+\.\d+)")
_UNKNOWN: Final = "unknown"


def unlike(before: tuple[Run, Report], after: tuple[Run, Report]) -> Iterator[Caveat]:
    """One caveat for each difference. Of Python a patch version makes none, of machines their speed."""
    for code, name, read in _SAME:
        one, other = read(*before), read(*after)
        if one != other:
            yield Caveat(f"other-{code}", f"{name}: {one} before, {other} after")
    yield from _steps(before[0], after[0])
    yield from _doses(before[0], after[0])
    for when, (run, report) in (("before", before), ("after", after)):
        if run.plan.workload == WATCHED:
            yield Caveat("only-watched", f"the run {when} was only watched, so that it has no requests to compare by")
        elif report.outcome != "complete":
            ended = report.outcome or "the recording stops"
            yield Caveat("incomplete", f"the run {when} did not go to its end: {ended}")
    if before[1].started_at > after[1].started_at:
        yield Caveat("order", "the run before was made after the other one; are the two in the right order?")


def judged_requests(run: Run) -> int:
    """Requests of the verdict rounds, on which the rates rest."""
    return sum(sum(each.doses.values()) for each in run.rounds if each.phase in JUDGED_PHASES)


def _steps(before: Run, after: Run) -> Iterator[Caveat]:
    one, other = (set(run.routes.items()) for run in (before, after))
    for when, steps in (("before", one - other), ("after", other - one)):
        if steps:
            listed = ", ".join(step if step == route else f"{step} ({route})" for step, route in sorted(steps))
            yield Caveat("other-steps", f"steps of the workload {when} only: {listed}")


def _doses(before: Run, after: Run) -> Iterator[Caveat]:
    """The same seed gives the same doses only as long as both runs go the same way, and as quickly."""
    drawn = [[each.doses for each in run.rounds if each.phase is Phase.DOSE] for run in (before, after)]
    if drawn[0] != drawn[1]:
        one, other = judged_requests(before), judged_requests(after)
        text = (
            f"doses: the verdict rounds sent {one} requests before, {other} after, in rounds of their own; rates are "
            "per request and allow for it, levels of memory do not"
        )
        yield Caveat("other-doses", text)


def python(report: Report) -> str:
    """Implementation and minor version."""
    told = report.conditions.get("python", "")
    minor = _MINOR.search(told)
    parts = [report.conditions.get("implementation", ""), minor[1] if minor else ""]
    return " ".join(part for part in parts if part) or _UNKNOWN


def allocator(report: Report) -> str:
    """What gives memory to the workers."""
    told = {f"{each.allocator}{'' if each.pymalloc else ' without pymalloc'}" for each in report.memory}
    return " and ".join(sorted(told)) or _UNKNOWN


def _server(_: Run, report: Report) -> str:
    """Its name and first two numbers of its version, where it is known."""
    told = report.conditions.get("server", report.plan.server)
    return re.sub(r"(\d+\.\d+)\.\S*", r"\1", told)


def _workers(run: Run, _: Report) -> str:
    plan = run.plan
    parts = ((plan.workers, "workers"), (plan.threads, "threads"))
    return ", ".join(f"{number} {name}" for number, name in parts if number is not None) or _UNKNOWN


def _budget(_: Run, report: Report) -> str:
    budgets = report.judgement.thresholds
    return ", ".join(f"{name} {value:g}" for name, value in budgets.items()) or _UNKNOWN


def _limits(run: Run, _: Report) -> str:
    return run.plan.options.get(EFFORT, Effort.NORMAL.value)


_SAME: Final[tuple[tuple[str, str, Callable[[Run, Report], str]], ...]] = (
    ("target", "target", lambda run, _: run.plan.target),
    ("python", "Python", lambda _, report: python(report)),
    ("allocator", "allocator", lambda _, report: allocator(report)),
    ("workload", "workload", lambda run, _: run.plan.workload),
    ("seed", "seed", lambda run, _: str(run.plan.seed)),
    ("server", "server", _server),
    ("workers", "workers", _workers),
    ("concurrency", "requests at once", lambda run, _: str(run.plan.concurrency)),
    ("budget", "budgets per request", _budget),
    ("effort", "effort", _limits),
    ("leakhunt", "version of leakhunt", lambda run, _: run.leakhunt),
)
