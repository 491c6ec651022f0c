"""`leakhunt doctor`: what works here, and what to do about what does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import click

from leakhunt.errors import UsageError
from leakhunt.reports.phrases import plain
from leakhunt.samplers.headroom import nearest_limit
from leakhunt.targets import native, native_build
from leakhunt.targets.inject.preflight import Answer, Finding, preflight, refusal
from leakhunt.targets.interpreters import find_interpreter
from leakhunt.targets.machine import examine_machine, read_machine
from leakhunt.targets.watched import Lineage, Member, find_process
from leakhunt.units import format_size

_MARKS: Final = {Answer.OK: ("ok", "green"), Answer.REFUSED: ("no", "red"), Answer.UNKNOWN: ("?", "yellow")}
_EXIT_FINDINGS: Final = 1
_LANGUAGE: Final = "python"
"""The check that a shell or a broker does not pass, and need not."""


@click.command("doctor")
@click.argument("pid", required=False, type=click.IntRange(min=1))
@click.option(
    "--build-sampler",
    metavar="PYTHON",
    help="Compile the native sampler for this interpreter or virtual environment, into the user's cache.",
)
def command(pid: int | None, build_sampler: str | None) -> int:
    """Say what works on this machine, or on one process, and what to do about what does not.

    Without PID the machine is looked at; with it, whether that process and those below it may be attached to. Nothing
    is touched, unless the native sampler is to be compiled. The exit code is 1 if something is refused: of a process,
    if neither it nor any below it may be attached to.
    """
    if build_sampler is not None:
        if pid is not None:
            raise UsageError("--build-sampler compiles for a Python, not for a process", "Leave the PID away.")
        return _build(build_sampler)
    return _machine() if pid is None else _process(pid)


def _build(python: str) -> int:
    found = find_interpreter(python, "--build-sampler")
    module = native_build.build(native_build.find_tools(found.executable), native.cache())
    built = Finding("sampler", Answer.OK, f"Compiled for {found.implementation} {found.version}: {module}")
    click.echo("\n".join(_checklist([built])))
    return 0


def _machine() -> int:
    findings = examine_machine(read_machine())
    limit = nearest_limit()
    memory = Finding(
        "memory", Answer.OK, f"{format_size(limit.left)} of {format_size(limit.size)} are left ({limit.source})."
    )
    click.echo("\n".join(_checklist((*findings, memory))))
    return _EXIT_FINDINGS if refusal(findings) else 0


def _process(pid: int) -> int:
    root = find_process(pid)
    findings = preflight(pid)
    click.echo("\n".join(_checklist(findings)))
    # A process too young to be a member yet is looked at all the same: it is the one that was named.
    others = [member for member in Lineage(root).members() if member.process.pid != pid]
    refusals = [(member, refusal(preflight(member.process.pid))) for member in others]
    if refusals:
        click.echo("\n".join(("", "Below it:", *_tree(refusals))))
    possible = refusal(findings) is None or any(refused is None for _, refused in refusals)
    return 0 if possible else _EXIT_FINDINGS


def _checklist(findings: Iterable[Finding]) -> Iterator[str]:
    findings = tuple(findings)
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        yield f"{_mark(finding.answer)} {finding.check.ljust(width)}  {plain(finding.sentence)}"
        if finding.hint is not None and finding.answer is not Answer.OK:
            yield f"{' ' * (width + 6)}hint: {plain(finding.hint)}"


def _tree(refusals: Iterable[tuple[Member, Finding | None]]) -> Iterator[str]:
    foreign = 0
    for member, refused in refusals:
        name = f"{plain(member.name)} (PID {member.process.pid})"
        if refused is None:
            yield f"{_mark(Answer.OK)} {name} may be attached to."
        elif refused.check == _LANGUAGE:
            foreign += 1
        else:
            yield f"{_mark(refused.answer)} {name}: {plain(refused.sentence)}"
    if foreign:
        yield f"    {foreign} that run{'s' if foreign == 1 else ''} no Python that can be attached to."


def _mark(answer: Answer) -> str:
    text, colour = _MARKS[answer]
    return click.style(text.ljust(3), fg=colour)
