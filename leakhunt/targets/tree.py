"""The process tree as the kernel shows it: who is whose child, since when, and running what."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.units import Seconds

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_ZOMBIE_STATES: Final = frozenset("ZX")
_SNAPSHOT_CHILD_SCORE: Final = 1000
_KERNEL_THREAD: Final = 0x00200000
"""`PF_KTHREAD` of the kernel's `sched.h`."""
PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of `/proc/PID/stat`."""

    pid: int
    parent: int
    name: str
    """At most 15 characters."""
    state: str
    session: int
    started: int
    """Clock ticks since boot."""
    exit_status: int | None
    """As in `Popen.returncode`, for a zombie that this user may inspect."""
    kernel: bool = False
    """Whether it is a thread of the kernel, which has no memory of its own."""

    @property
    def key(self) -> str:
        """As `Worker.key`: unique even when the kernel uses a pid again."""
        return f"{self.pid}@{self.started}"

    @property
    def ended(self) -> bool:
        """Whether it has exited and only waits for its parent to notice."""
        return self.state in _ZOMBIE_STATES


def read_process(pid: int) -> Process | None:
    """The process, or None if there is none (any more)."""
    try:
        # A name that is cut off at 15 bytes may end in half a character.
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself hold blanks and parentheses.
    name, rest = text.partition("(")[2].rpartition(")")[::2]
    fields = rest.split()
    state = fields[0]
    return Process(
        pid=pid,
        parent=int(fields[1]),
        name=name,
        state=state,
        session=int(fields[3]),
        started=int(fields[19]),
        exit_status=os.waitstatus_to_exitcode(int(fields[49])) if state in _ZOMBIE_STATES else None,
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
    )


def descendants(root: int) -> tuple[Process, ...]:
    """Every process below `root`, parents before their children, zombies included."""
    found: list[Process] = []
    waiting = _children(root)
    for pid in waiting:
        process = read_process(pid)
        if process is not None:
            found.append(process)
            waiting += _children(pid)
    return tuple(found)


def command_line(pid: int) -> tuple[str, ...]:
    """Arguments of a process, the program first; empty for a zombie or if it is gone."""
    try:
        text = (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(os.fsdecode(argument) for argument in text.rstrip(b"\0").split(b"\0") if text)


def oom_score_adj(pid: int) -> int | None:
    """How much sooner than others the kernel kills this process when memory runs out, -1000 to 1000."""
    try:
        return int((PROC / str(pid) / "oom_score_adj").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_snapshot_child(process: Process, command: tuple[str, ...]) -> bool:
    """Whether it is a copy that an agent has made of its process to look at the heap.

    The agent's children volunteer to be killed first, and run under their parent's command line. While the kernel takes
    one apart it has no command line any more.
    """
    return (
        oom_score_adj(process.pid) == _SNAPSHOT_CHILD_SCORE
        and oom_score_adj(process.parent) != _SNAPSHOT_CHILD_SCORE
        and (not any(command) or command_line(process.parent) == command)
    )


def age(process: Process) -> Seconds:
    """How long ago it was started; precise to a clock tick."""
    uptime = float((PROC / "uptime").read_text().split()[0])
    return uptime - process.started / _TICKS_PER_SECOND


def _children(pid: int) -> list[int]:
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
    except OSError:  # it has just ended
        return []
    return [child for thread in threads for child in _pids_in(thread / "children")]


def _pids_in(path: Path) -> list[int]:
    try:
        return [int(pid) for pid in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
