"""How worker processes ended, as their servers write it into their logs."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Final

RECYCLED: Final = "recycled"
UNKNOWN: Final = "ended"
OOM: Final = "killed by SIGKILL, probably by the kernel's out-of-memory killer"

_CRASH: Final = re.compile(r"killed by|exit code [1-9]")

_Pattern = tuple[re.Pattern[str], Callable[[str], str]]
_PATTERNS: Final[tuple[_Pattern, ...]] = (
    # gunicorn
    (re.compile(r"\[(\d+)\] \[INFO\] Autorestarting worker"), lambda _: RECYCLED),
    (re.compile(r"Worker \(pid:(\d+)\) exited with code (\d+)"), lambda code: f"exit code {code}"),
    (re.compile(r"Worker \(pid:(\d+)\) was sent (SIG\w+)"), lambda name: f"killed by {name}"),
    (re.compile(r"WORKER TIMEOUT \(pid:(\d+)\)"), lambda _: "killed by the server: its request took too long"),
    # uWSGI
    (re.compile(r"The work of process (\d+) is done"), lambda _: RECYCLED),
    (
        re.compile(r"worker \d+ \(pid: (\d+)\) died, killed by signal (\d+)"),
        lambda number: death_by_status(-int(number)),
    ),
)


def deaths_in(log: str) -> dict[int, str]:
    """Deaths told in a server's log, by pid; the weightier reason where several are told."""
    found: dict[int, str] = {}
    for pattern, phrase in _PATTERNS:
        for match in pattern.finditer(log):
            found[int(match[1])] = phrase(match[match.lastindex or 1])
    return found


def is_crash(death: str) -> bool:
    """Whether this is no way for a worker to end that does what its server wants."""
    return bool(_CRASH.match(death))


def death_by_status(status: int) -> str:
    """The same words from an exit status as in `Popen.returncode`."""
    if status >= 0:
        return f"exit code {status}"
    return f"killed by {signal_name(-status)}"


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
