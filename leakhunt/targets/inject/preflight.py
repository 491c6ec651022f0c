"""Whether a process may be attached to, decided before it is touched: from facts to findings, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from leakhunt.targets.inject.facts import Facts, read_facts

OLDEST: Final = (3, 8)
NEWEST: Final = (3, 15)
"""The newest Python that attaching was tried on."""
EMULATED: Final = "tried in an emulated machine only (QEMU), never on hardware"
"""What stands for aarch64."""


class Answer(Enum):
    """What a check has found."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, what it found in one sentence, and what to do about it."""

    check: str
    answer: Answer
    sentence: str
    hint: str | None = None


def preflight(pid: int) -> tuple[Finding, ...]:
    """All checks of a process, in the order in which they are worth reading."""
    return examine(read_facts(pid))


def refusal(findings: tuple[Finding, ...]) -> Finding | None:
    """The first finding that forbids to attach."""
    return next((finding for finding in findings if finding.answer is Answer.REFUSED), None)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """All checks; those that make no sense without an earlier one are left out when that is not passed."""
    found: list[Finding] = []
    for check in CHECKS:
        finding = check(facts)
        found.append(finding)
        if finding.answer is not Answer.OK and check in _CONDITIONS:
            break
    return tuple(found)


def _exists(facts: Facts) -> Finding:
    if facts.state is None:
        return _refused("process", f"PID {facts.pid} does not exist (any more).")
    if facts.state in "ZX":
        return _refused("process", f"PID {facts.pid} has exited (zombie); its parent is {facts.parent}.")
    return _ok("process", f"PID {facts.pid} ({facts.name}) is alive.")


def _runs(facts: Facts) -> Finding:
    if facts.tracer:
        who = f" ({facts.tracer_name})" if facts.tracer_name else ""
        return _refused(
            "running", f"PID {facts.pid} is already being traced by PID {facts.tracer}{who}.", "Stop that first."
        )
    if facts.state in {"T", "t"}:
        return _refused(
            "running",
            f"PID {facts.pid} is stopped (SIGSTOP or job control).",
            f"Continue it first: kill -CONT {facts.pid}",
        )
    return _ok("running", "It is neither stopped nor traced.")


def _permitted(facts: Facts) -> Finding:
    if facts.memory:
        return _ok("permission", "This user may trace it.")
    return (
        _forbidden_by_yama(facts)
        or _forbidden_by_owner(facts)
        or _refused(
            "permission",
            f"PID {facts.pid} may not be traced, for a reason the kernel does not tell.",
            "Look for SELinux or AppArmor rules, or use sudo.",
        )
    )


def _forbidden_by_yama(facts: Facts) -> Finding | None:
    start = 'or start the app with "leakhunt profile -- ...".'
    if facts.yama == 3:
        return _refused(
            "permission",
            "kernel.yama.ptrace_scope=3 allows no attach until reboot.",
            'Start the app with "leakhunt profile -- ...".',
        )
    if facts.our_ptrace or (facts.owner is not None and facts.owner != facts.our_user):
        return None
    if facts.yama == 2:
        return _refused(
            "permission", "kernel.yama.ptrace_scope=2 allows only administrators to attach.", f"Use sudo, {start}"
        )
    if facts.yama == 1 and facts.readable:
        return _refused("permission", "kernel.yama.ptrace_scope=1 allows only parents to attach.", f"Use sudo, {start}")
    return None


def _forbidden_by_owner(facts: Facts) -> Finding | None:
    if facts.our_user == 0 and not facts.our_ptrace:
        return _no_capability(facts)
    if facts.owner is not None and facts.owner != facts.our_user:
        return _refused(
            "permission",
            f"PID {facts.pid} belongs to user {facts.owner_name}.",
            "Run leakhunt as that user or with sudo.",
        )
    if facts.our_ptrace:
        return None
    if not facts.readable:
        return _refused(
            "permission",
            f"PID {facts.pid} forbids inspection (not dumpable: it changed user id or has file capabilities).",
            "Use sudo.",
        )
    return _no_capability(facts) if facts.container else None


def _no_capability(facts: Facts) -> Finding:
    where = "This container has no SYS_PTRACE." if facts.container else "This root user has no CAP_SYS_PTRACE."
    return _refused("permission", where, "docker run --cap-add=SYS_PTRACE, or kubectl debug --profile=sysadmin.")


def _is_python(facts: Facts) -> Finding:
    if facts.implementation == "pypy":
        return _refused("python", f"PID {facts.pid} runs PyPy; attach needs CPython.")
    if facts.implementation is None or facts.python is None:
        return _refused("python", f"PID {facts.pid} ({facts.name}) is not a CPython process.")
    if facts.started is False:
        return _refused("python", f"PID {facts.pid} ({facts.name}) has loaded Python, but has not started it.")
    return _fits_leakhunt(facts, facts.python)


def _fits_leakhunt(facts: Facts, python: tuple[int, int]) -> Finding:
    version = ".".join(map(str, python))
    if python < OLDEST:
        return _refused("python", f"PID {facts.pid} runs Python {version}; attach needs 3.8 or newer.")
    if python > NEWEST:
        return _refused(
            "python", f"Python {version} is newer than this leakhunt knows; not attaching.", "Upgrade leakhunt-memory."
        )
    if facts.free_threaded:
        return Finding("python", Answer.UNKNOWN, f"Attaching to a free-threaded Python {version} is not tested.")
    return _ok("python", f"It runs CPython {version}.")


def _fits_machine(facts: Facts) -> Finding:
    if facts.bits == 32:
        return _refused("machine", f"PID {facts.pid} is a 32-bit program; attach needs 64 bits.")
    if facts.machine is None:
        return Finding("machine", Answer.UNKNOWN, f"The program of PID {facts.pid} cannot be read.")
    if facts.machine == "aarch64":
        return Finding(
            "machine", Answer.UNKNOWN, f"It is a 64-bit program for aarch64, where attaching was {EMULATED}."
        )
    if facts.machine != "x86-64":
        return _refused("machine", f"PID {facts.pid} runs on {facts.machine}; attach needs x86-64 or aarch64.")
    return _ok("machine", f"It is a 64-bit program for {facts.machine}.")


def _allows_debugging(facts: Facts) -> Finding:
    if facts.debugging_disabled:
        return _refused(
            "debugging",
            "The app was started with remote debugging disabled "
            "(PYTHON_DISABLE_REMOTE_DEBUG / -X disable-remote-debug).",
            "Restart it without that.",
        )
    return _ok("debugging", "Remote debugging is not disabled.")


def _ok(check: str, sentence: str) -> Finding:
    return Finding(check, Answer.OK, sentence)


def _refused(check: str, sentence: str, hint: str | None = None) -> Finding:
    return Finding(check, Answer.REFUSED, sentence, hint)


CHECKS: Final[tuple[Callable[[Facts], Finding], ...]] = (
    _exists,
    _runs,
    _permitted,
    _is_python,
    _fits_machine,
    _allows_debugging,
)
_CONDITIONS: Final = (_exists, _permitted)
