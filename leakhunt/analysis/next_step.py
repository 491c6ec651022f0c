"""What to run next: the exact command, or nothing where no command would tell more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import ceil, isfinite
from pathlib import Path
from shlex import quote
from typing import Final

from leakhunt.analysis.case import Case
from leakhunt.analysis.verdict import COMPLETE
from leakhunt.model.report import Judgement, RouteReport, Site, Suspect, Verdict
from leakhunt.model.run import ATTACHED, OWN_COMMAND, Plan, Run

_INTERRUPTED: Final = (None, "interrupted")
"""Outcomes of runs that were ended by whoever ran leakhunt."""
_VARIABLE: Final = re.compile(r"<[^<>]*>|\{[^{}]*\}|\(\?P<[^<>]*>[^()]*\)")
"""A part of a route's pattern that stands for many paths."""
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_TASK: Final = "TASK "
"""How routes begin that are no requests, but runs of a task from a queue: nothing can be sent to them."""
_REQUESTS: Final = 3
"""Routes that are suggested to be requested."""
_LONG_ENOUGH: Final = 120
"""Seconds that are suggested to look on at least."""
_LEAST: Final = 2
_MOST: Final = 10
"""How many times the time and requests of this run are suggested for the next one."""


def next_command(run: Run, judgement: Judgement, cases: Sequence[Case], suspects: Sequence[Suspect]) -> str | None:
    """For a leak, its functions line by line; for what is undecided, the run that would settle it."""
    if judgement.verdict is Verdict.LEAK:
        return _line_by_line(run, suspects) or _hand_on(run)
    if judgement.verdict is Verdict.INCONCLUSIVE:
        return _run_again(run, judgement, cases)
    return None


def proving_command(run: Run, judgement: Judgement, routes: Sequence[RouteReport]) -> str | None:
    """After an app was looked at under its own traffic: the experiment, on what is suspected or else on what it serves.

    Where too little was seen to say anything, the same for longer. None where nothing of it can be requested.
    """
    flags = _flags(run.plan) or ""
    if judgement.verdict is Verdict.INCONCLUSIVE:
        seconds = float(run.plan.options.get("duration", "").removesuffix(" s") or 0.0)
        return _join("leakhunt profile", flags, f"--duration {max(seconds * _LEAST, _LONG_ENOUGH):.0f}")
    suspected = [route for route in routes if route.verdict is Verdict.SUSPECTED]
    steps = [
        step for route in suspected or routes for step in route.steps if " " in step and not step.startswith(_TASK)
    ]
    requests = [_request(step) for step in steps[:_REQUESTS]]
    return _join("leakhunt profile", flags, *requests) if requests else None


def _request(route: str) -> str:
    """The request that leads to a route, as far as its pattern tells: each of its variables counts up."""
    method, _, pattern = route.partition(" ")
    path = _VARIABLE.sub("{n}", pattern)
    body = "" if method in _BODILESS else " --body @FILE"
    return f"--request {quote(f'{method} {path}')}{body}"


def _line_by_line(run: Run, suspects: Sequence[Suspect]) -> str | None:
    if run.plan.server == ATTACHED:
        return None  # functions are wrapped as an app starts
    flags = _flags(run.plan)
    functions = tuple(dict.fromkeys(_weightiest_functions(run, suspects)))
    if flags is None or not functions:
        return None
    return _join("leakhunt lines", *(f"--function {name}" for name in functions), flags, _target(run.plan))


def _hand_on(run: Run) -> str:
    return f"leakhunt report {quote(run.conditions.get('run directory', run.name))} --format md"


def _run_again(run: Run, judgement: Judgement, cases: Sequence[Case]) -> str | None:
    """The same with more time, if that is what was missing; the same once more, if somebody stopped it."""
    flags = _flags(run.plan)
    if flags is None:
        return None
    if run.outcome in _INTERRUPTED:
        more = 1
    elif run.outcome == COMPLETE:
        more = max((_more(case, judgement) for case in cases), default=0)
    else:
        more = 0  # what stopped it would stop it again
    return _join("leakhunt profile", flags, _longer(run.plan, more), _target(run.plan)) if more else None


def _more(case: Case, judgement: Judgement) -> int:
    """How many times as many requests would settle a route; 0 where more of them would not."""
    if case.judgement.state == "growing":
        return _LEAST
    if case.judgement.state != "open":
        return 0
    slope, budget = case.judgement.missed, judgement.thresholds.get(case.report.bytes_per_request_basis or "")
    if slope is None or not budget or not isfinite(slope.upper):
        return _MOST
    return min(max(ceil(slope.upper / budget), _LEAST), _MOST)


def _longer(plan: Plan, more: int) -> str:
    options = [plan.options.get("experiment flags", "")]
    seconds = plan.options.get("time budget", "").removesuffix(" s")
    if seconds.isdecimal():
        options.append(f"--budget-time {int(seconds) * more}")
    if plan.max_requests is not None:
        options.append(f"--requests {plan.max_requests * more}")
    return _join(*options)


def _flags(plan: Plan) -> str | None:
    """What was typed; of runs that do not say so, what can be told of a workload file."""
    if "flags" in plan.options:
        return plan.options["flags"]
    if not plan.workload.endswith(".toml"):
        return None
    chdir = f"--chdir {quote(plan.options['chdir'])}" if "chdir" in plan.options else ""
    return _join(chdir, f"--workload {quote(plan.workload)}")


def _target(plan: Plan) -> str:
    """An app stands for itself; a command of the user's own comes after two dashes, as it was typed.

    A process that ran before is among the flags.
    """
    if plan.server == ATTACHED:
        return ""
    return f"-- {plan.target}" if plan.server == OWN_COMMAND else quote(plan.target)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _weightiest_functions(run: Run, suspects: Sequence[Suspect]) -> Iterator[str]:
    """Of each route, the function of the first suspect whose function is known."""
    told = set()
    for suspect in suspects:
        name = _function(run, suspect) if suspect.route not in told and suspect.bytes_per_request is not None else None
        if name is not None:
            told.add(suspect.route)
            yield name


def _function(run: Run, suspect: Suspect) -> str | None:
    """`module:function`, or `module:Class.method`; None unless both are known."""
    if suspect.site is None:
        return None
    module, function = _module(run, suspect, suspect.site), _named_function(suspect, suspect.site)
    return None if module is None or function is None else f"{module}:{function}"


def _named_function(suspect: Suspect, site: Site) -> str | None:
    """The innermost function of the file that has a name: not a comprehension, and not a function inside another."""
    names = [site.function, *(frame.function for frame in suspect.stack if frame.file == site.file)]
    outer = (name.split(".<locals>")[0] for name in names)
    return next((name for name in outer if _is_dotted(name)), None)


def _module(run: Run, suspect: Suspect, site: Site) -> str | None:
    """The module that the line is in: one that the holder or the type names, else by the file's place in the app."""
    dotted = site.file.removesuffix(".py").split("/")
    names = [".".join(dotted[start:]) for start in range(len(dotted))]
    known = (suspect.path or "", suspect.type or "")
    named = next((name for name in names if name and any(text.startswith(f"{name}.") for text in known)), None)
    if named is not None:
        return named
    home = Path(run.conditions.get("directory", ""), run.plan.options.get("chdir", ""))
    file = Path(site.file)
    below = ".".join(file.relative_to(home).with_suffix("").parts) if file.is_relative_to(home) else ""
    return below if _is_dotted(below) else None


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))
