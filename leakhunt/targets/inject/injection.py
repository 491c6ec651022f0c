"""Has a process run a text by stopping one of its threads: any version of Python, whatever its main thread does."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from leakhunt.agent import bundle
from leakhunt.errors import AttachError
from leakhunt.targets.inject.channel import Meeting
from leakhunt.targets.inject.helper import Helper
from leakhunt.targets.inject.interpreter import Interpreter
from leakhunt.targets.inject.memory import open_memory
from leakhunt.targets.inject.processors import here
from leakhunt.targets.inject.stop_window import Job, Outcome
from leakhunt.targets.tree import Process
from leakhunt.units import Seconds

HELLO: Final[Seconds] = 2.0
"""How long an agent may take to come once its text has been run."""
_WAKE: Final[Seconds] = 0.2
"""How long a main thread that runs Python may take to come to what is queued for it."""
_LOOK: Final[Seconds] = 0.3
"""How long to look for a thread that waits, before the main thread is asked instead."""


class Injection:
    """What is done to one process, until `deadline` (`time.monotonic`)."""

    def __init__(self, process: Process, interpreter: Interpreter, deadline: float, lock: int = -1) -> None:
        self.process = process
        self.interpreter = interpreter
        self._deadline = deadline
        self._lock = lock
        """Descriptor of the lock that keeps others out: a helper that outlives us holds it, too."""
        self.stopped: Seconds = 0.0
        """How long a thread of the app stood still, at the longest."""

    def inject(self, meeting: Meeting) -> socket.socket | None:
        """Have the agent come to the meeting; None if its text was run and it has not come."""
        text = bundle.arrival_text(meeting.offers, meeting.token)
        used = self._perform([("run", _LOOK), ("queue", max(1.0, self._left()))], text)
        outcome = used.outcome
        if outcome.done == "queue":
            try:
                return self._wait_for_main_thread(outcome, meeting)
            finally:
                used.release()
        used.release()
        if outcome.done is None:
            raise AttachError(
                f"PID {self.process.pid} cannot be attached to: {outcome.problem}. Nothing was changed",
                "Try again when it is less busy." if outcome.tries else None,
            )
        return meeting.wait(max(self._deadline, time.monotonic()) if _is_slow(outcome) else time.monotonic() + HELLO)

    def no_answer(self) -> AttachError:
        """The text was run, and nobody came."""
        return AttachError(
            f"injected, but no agent answered from PID {self.process.pid} within {HELLO:.0f} s"
            f" (the app was stopped for {self.stopped * 1e3:.1f} ms)",
            "The app may not be allowed to start a thread or to open a socket (pids limit, seccomp).",
        )

    def nudge(self) -> None:
        """Interrupt the wait of the main thread, if it waits."""
        self._perform([("nudge", 0.05)]).release()

    def _perform(self, steps: Sequence[tuple[str, Seconds]], text: str = "") -> Helper:
        """Have a thread stopped for it, see `stop_window`."""
        at = self.interpreter
        job = Job(
            pid=self.process.pid,
            started=self.process.started,
            steps=tuple(steps),
            text=text,
            code_at=at.code_at,
            api=(at.ensure.address, at.run.address, at.release.address, at.add.address),
            avoid=tuple((each.address, each.size) for each in (at.add, at.make) if each is not None),
            lock=self._lock,
        )
        used = Helper(job)
        self.stopped = max(self.stopped, used.outcome.stopped)
        return used

    def _wait_for_main_thread(self, outcome: Outcome, meeting: Meeting) -> socket.socket:
        """The text is queued: the main thread runs it when it can, and is woken if it waits for a lock."""
        patience = 0.0 if system_call(self.process.pid) == here.futex else _WAKE
        connection = meeting.wait(time.monotonic() + patience)
        while connection is None and time.monotonic() < self._deadline:
            self.nudge()
            connection = meeting.wait(time.monotonic() + _WAKE)
        if connection is None:
            connection = self._cancel(outcome, meeting)
        return connection

    def _cancel(self, outcome: Outcome, meeting: Meeting) -> socket.socket:
        """Call the queued text off; the agent, if it came at the last moment after all."""
        pid = self.process.pid
        with suppress(OSError), open_memory(pid) as memory:
            memory.write(outcome.cancel_at, here.cancel)
        connection = meeting.wait(time.monotonic() + 0.1)
        if connection is None:
            raise AttachError(
                f"PID {pid} did not run what was asked of it: its main thread is busy in {_where(pid)}."
                " The request was cancelled",
                "Try again while it handles requests, or give it more time.",
            )
        return connection

    def _left(self) -> Seconds:
        return max(0.05, self._deadline - time.monotonic())


def _is_slow(outcome: Outcome) -> bool:
    """Whether the thread was let go before it was done: it waits for the GIL."""
    return outcome.stopped > 10.0


def system_call(pid: int) -> int | None:
    """Number of what the main thread waits in; None while it runs."""
    with suppress(OSError):
        number = Path(f"/proc/{pid}/syscall").read_text().split()[0]
        return int(number) if number.isdigit() else None
    return None


def _where(pid: int) -> str:
    """What the main thread does, as the kernel sees it."""
    number = system_call(pid)
    return "its own code" if number is None else f"system call {number}"
