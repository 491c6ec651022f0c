"""`leakhunt check --shrink`: for each leak, the smallest workload that still shows it, and a command to replay it."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import click

from leakhunt.analysis.same_leak import Leak, answers, same_leak
from leakhunt.cli.profile import record
from leakhunt.cli.request import Request
from leakhunt.errors import LeakhuntError
from leakhunt.hunt.session import INTERRUPTED
from leakhunt.hunt.settings import Settings
from leakhunt.model.report import Report, Suspect
from leakhunt.model.reproduction import Reproduction
from leakhunt.model.run import Effort
from leakhunt.reports import phrases
from leakhunt.reports.phrases import plain
from leakhunt.units import Seconds, format_duration
from leakhunt.workload.parts import described
from leakhunt.workload.scenario import Expect, Step, Workload
from leakhunt.workload.shrink import Enough, Shrinking, scale
from leakhunt.workload.write import workload_flags, workload_toml

SHRINK_TIME: Final[Seconds] = 600.0
_SHARE: Final = 0.25
"""Part of the check's time for verdict rounds that each smaller run may take: it looks for a leak that is known."""
_ANY_STATUS: Final = tuple(range(100, 600))
_NOT_SHOWN: Final = "a quick run of the whole workload does not show it"
_INTERRUPTED: Final = "it was interrupted before any run showed the leak"
_NO_TIME: Final = "its requests alone do not show it, and there was no time for the whole workload"
_NO_TEXT: Final = "a body of it is no text, so it fits into no workload file"


@dataclass
class _Search:
    """Runs candidates for one leak, and remembers the last that showed it."""

    request: Request
    settings: Settings
    leak: Leak
    until: Seconds
    """When time is up, by the monotonic clock."""
    directory: Path
    durations: list[Seconds] = field(default_factory=list)
    found: Suspect | None = None
    report: Report | None = None
    interrupted: bool = False

    def shows(self, workload: Workload, what: str) -> bool:
        """Whether the leak is still there; raises `Enough` where another run would take longer than there is time."""
        expected = sum(self.durations) / len(self.durations) if self.durations else 0.0
        started, number = time.monotonic(), len(self.durations) + 1
        if self.durations and started + expected > self.until:
            raise Enough
        report, why = self._run(workload, f"{number}: {what}")
        found = None if report is None else same_leak(report, self.leak, scale(workload, self.request.workload))
        self.durations.append(time.monotonic() - started)
        rest = format_duration(max(self.until - time.monotonic(), 0.0))
        answer = why or (f"still leaks, {phrases.kept(found)}" if found is not None else "does not leak")
        took = f"{format_duration(self.durations[-1])}; {rest} left"
        click.echo(plain(f"  {number}. {what}: {answer} ({took})"), err=True)
        if found is not None:
            self.found, self.report = found, report
        return found is not None

    def _run(self, workload: Workload, aside: str) -> tuple[Report | None, str | None]:
        from leakhunt.analysis.analyse import analyse

        request = replace(
            self.request,
            workload=_answered_anyhow(workload),
            concurrency=workload.concurrency or 1,
            output=self.directory / f"{self.leak.fingerprint}-{len(self.durations) + 1}",
        )
        try:
            run, _ = record(request, self.settings, {}, aside=aside)
        except LeakhuntError as error:
            return None, f"cannot be measured: {error.message.splitlines()[0]}"
        if run.outcome == INTERRUPTED:
            self.interrupted = True
            raise Enough
        return analyse(run), None


def shrink(
    request: Request, settings: Settings, leaks: Sequence[Leak], most: Seconds, launch: str, directory: Path
) -> tuple[Reproduction, ...]:
    """For each leak the smallest workload that shows it still; `most` is for all of them together.

    `launch` is what has to be typed to launch the target; workload files are written into `directory`. Each leak gets
    one run at least.
    """
    deadline = time.monotonic() + most
    quick = replace(settings, budget=_SHARE * settings.budget, effort=Effort.QUICK, peaks=False, doses={})
    request = replace(request, workload=replace(request.workload, concurrency=request.concurrency))
    found = []
    with tempfile.TemporaryDirectory(prefix="leakhunt-shrink-") as runs:
        for number, leak in enumerate(leaks):
            mine = max(deadline - time.monotonic(), 0.0) / (len(leaks) - number)
            most_time = f"for {format_duration(mine)} at most"
            click.echo(plain(f"The smallest workload that shows the leak of {leak.route}, {most_time}:"), err=True)
            search = _Search(request, quick, leak, time.monotonic() + mine, Path(runs))
            found.append(_reproduction(search, launch, directory / f"smallest-{number + 1}.toml"))
            if search.interrupted:
                break
    return tuple(found)


def _reproduction(search: _Search, launch: str, file: Path) -> Reproduction:
    started = time.monotonic()
    shrinking = Shrinking(search.request.workload, search.shows)
    complete = shrinking.run(search.leak.steps)
    unshown = _INTERRUPTED if search.interrupted else _NOT_SHOWN if complete else _NO_TIME
    smallest, command, reasons = None, None, {"command": unshown}
    if shrinking.smallest is not None and search.report is not None:
        smallest = _with_answers(shrinking.smallest, search.report)
        command = _command(search, smallest, launch, file)
        reasons = {"command": _NO_TEXT}
    return Reproduction(
        route=search.leak.route,
        fingerprint=search.leak.fingerprint,
        sent=() if smallest is None else tuple(map(_sent, smallest.steps)),
        command=command,
        bytes_per_request=None if search.found is None else search.found.bytes_per_request,
        count_per_request=None if search.found is None else search.found.count_per_request,
        runs=len(search.durations),
        seconds=time.monotonic() - started,
        complete=complete,
        null_reasons={} if command is not None else reasons,
    )


def _command(search: _Search, smallest: Workload, launch: str, file: Path) -> str | None:
    """With the workload as flags where they can say it, else in a file; None where neither can."""
    flags = workload_flags(smallest)
    if flags is None:
        text = workload_toml(smallest)
        if text is None:
            return None
        file.touch(mode=0o600)  # it holds what the workload does, passwords too
        file.write_text(text, encoding="utf-8")
        flags = (("--workload", str(file)),)
    words = [word for flag, value in flags for word in (flag, value)]
    request, seconds = search.request, search.settings.budget
    words += ["--seed", str(request.seed), "--concurrency", str(smallest.concurrency or 1)]
    words += ["--quick", "--no-peaks", "--budget-time", f"{seconds:g}"]
    if request.budget is not None:
        words += ["--budget", request.budget.text]
    target = shlex.quote(request.target_name) if request.app is not None else f"-- {request.target_name}"
    return " ".join(part for part in ("leakhunt profile", launch, shlex.join(words), target) if part)


def _answered_anyhow(workload: Workload) -> Workload:
    """With any answer a success: a request that is refused may leak just as well.

    What is tried again after some answers stays as it is.
    """
    anyhow = Expect(_ANY_STATUS, dropped=True)
    steps = (step if step.once or step.retries else replace(step, expect=anyhow) for step in workload.steps)
    return replace(workload, steps=tuple(steps))


def _with_answers(workload: Workload, report: Report) -> Workload:
    """With those answers a success that came."""
    return replace(workload, steps=tuple(_with_answer(step, answers(report, step.name)) for step in workload.steps))


def _with_answer(step: Step, statuses: Sequence[int]) -> Step:
    if step.once or all(map(step.expect.accepts, statuses)):
        return step
    return replace(step, expect=Expect(tuple(statuses)))


def _sent(step: Step) -> str:
    answer = f", answered {' or '.join(map(str, step.expect.statuses))}" if step.expect.statuses else ""
    return f"{described(step)}{answer}{', once' if step.once else ''}"
