"""Brings the agent into a process that runs already, and counts it as attached only when the agent has said hello."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from leakhunt.agent import bundle, wire
from leakhunt.errors import AgentError, TargetError
from leakhunt.targets.answers import read_hello
from leakhunt.targets.hub import AgentHub, AgentLink
from leakhunt.targets.inject import helper
from leakhunt.targets.inject.channel import WAYS, Meeting, take
from leakhunt.targets.inject.interpreter import Interpreter, NoRoom, find_interpreter
from leakhunt.targets.inject.memory import Memory, open_memory, read_mappings
from leakhunt.targets.inject.preflight import preflight, refusal
from leakhunt.targets.inject.stop_window import Job, Outcome
from leakhunt.targets.reach import Reach
from leakhunt.targets.tree import Process, descendants, read_process
from leakhunt.units import Seconds

HELLO: Final[Seconds] = 2.0
"""How long an agent may take to say hello once its text has been run."""
_LOOK: Final[Seconds] = 0.4
"""How long to look for a thread that waits, before the main thread is asked instead."""
_LOCK_PATIENCE: Final[Seconds] = 5.0
_POLL: Final[Seconds] = 0.01


class AttachError(TargetError):
    """The process was not attached to, and is as it was unless the message says otherwise."""


@dataclass(frozen=True, slots=True)
class Attached:
    """An agent that has said hello."""

    link: AgentLink
    method: str
    """How the text came in: `ptrace` or `remote debugging`."""
    way: str
    """How the agent reaches us: one of `channel.WAYS`."""
    stopped: Seconds
    """How long a thread of the app stood still for it, at the longest."""
    duration: Seconds
    """From the call to the hello."""


def attach(pid: int, hub: AgentHub, *, timeout: Seconds = 10.0, ways: tuple[str, ...] = WAYS) -> Attached:
    """Bring an agent into a process and have `hub` serve it.

    `timeout` is how long the app may take to run the text: a thread of it has to wait for something, or its main
    thread to run Python. `ways` are the ways to try for the agent to reach us, in that order.

    Raises:
        AttachError: it was refused, or did not work.
    """
    began = time.monotonic()
    _require_permission(pid)
    process = read_process(pid)
    if process is None:
        raise AttachError(f"PID {pid} does not exist (any more)")
    with _alone(pid), open_memory(pid) as memory:
        interpreter = _find_interpreter(memory, process)
        attempt = _Attempt(process, interpreter, began + timeout)
        for way in ways:
            with Meeting(pid, way) as meeting:
                if meeting.offers and (connection := attempt.inject(meeting)) is not None:
                    link = _welcome(connection, meeting, process, hub)
                    return Attached(link, "ptrace", way, attempt.stopped, time.monotonic() - began)
    raise attempt.no_answer()


class _Attempt:
    """What has been tried with one process."""

    def __init__(self, process: Process, interpreter: Interpreter, deadline: float) -> None:
        self._process = process
        self._interpreter = interpreter
        self._deadline = deadline
        self.stopped: Seconds = 0.0

    def inject(self, meeting: Meeting) -> socket.socket | None:
        """Have the agent come to the meeting; None if its text was run and it has not come."""
        text = bundle.arrival_text(meeting.offers, meeting.token)
        outcome = self._perform("run", text, min(_LOOK, self._left()))
        if outcome.done:
            return meeting.wait(
                max(self._deadline, time.monotonic()) if _is_slow(outcome) else time.monotonic() + HELLO
            )
        return self._queue(meeting, text)

    def no_answer(self) -> AttachError:
        """The text was run, and nobody came."""
        return AttachError(
            f"injected, but no agent answered from PID {self._process.pid} within {HELLO:.0f} s"
            f" (the app was stopped for {self.stopped * 1e3:.1f} ms)",
            "The app may not be allowed to start a thread or to open a socket (pids limit, seccomp).",
        )

    def _queue(self, meeting: Meeting, text: str) -> socket.socket | None:
        """No thread waits: have the main thread run the text when it can, and wake it if it waits for a lock."""
        pid = self._process.pid
        outcome = self._perform("queue", text, max(1.0, self._left()))
        if not outcome.done:
            raise AttachError(f"PID {pid} cannot be attached to: {outcome.problem}. Nothing was changed")
        woken = time.monotonic()
        while (connection := meeting.wait(time.monotonic() + 0.2)) is None and time.monotonic() < self._deadline:
            if time.monotonic() - woken > 0.2:
                self._perform("nudge", "", 0.05)
                woken = time.monotonic()
        if connection is None:
            connection = self._cancel(outcome, meeting)
        with suppress(OSError), open_memory(pid) as memory:
            memory.write(self._interpreter.code_at, bytes.fromhex(outcome.previous))
        return connection

    def _cancel(self, outcome: Outcome, meeting: Meeting) -> socket.socket:
        """Make the queued text a comment; the agent, if it came at the last moment after all."""
        pid = self._process.pid
        with suppress(OSError), open_memory(pid) as memory:
            memory.write(outcome.text_at, b"#")
        connection = meeting.wait(time.monotonic() + 0.1)
        if connection is None:
            raise AttachError(
                f"PID {pid} did not run what was asked of it: its main thread is busy in {_where(pid)}."
                " The request was cancelled",
                "Try again while it handles requests, or give it more time.",
            )
        return connection

    def _perform(self, kind: str, text: str, patience: Seconds) -> Outcome:
        at = self._interpreter
        api = {"run": (at.ensure, at.run, at.release), "queue": (at.add, at.run), "nudge": ()}[kind]
        avoid = [(each.address, each.size) for each in (at.add, at.make) if each is not None]
        job = Job(
            kind=kind,
            pid=self._process.pid,
            started=self._process.started,
            patience=patience,
            text=text,
            code_at=at.code_at,
            api=tuple(each.address for each in api),
            avoid=tuple(avoid),
        )
        outcome = helper.perform(job)
        self.stopped = max(self.stopped, outcome.stopped)
        return outcome

    def _left(self) -> Seconds:
        return max(0.05, self._deadline - time.monotonic())


def _require_permission(pid: int) -> None:
    refused = refusal(preflight(pid))
    if refused is not None:
        raise AttachError(refused.sentence, refused.hint)


def _find_interpreter(memory: Memory, process: Process) -> Interpreter:
    try:
        interpreter = find_interpreter(memory, read_mappings(process.pid))
    except NoRoom:
        raise AttachError(f"PID {process.pid} has no executable page with room for a few bytes of code") from None
    if interpreter is None:
        raise AttachError(f"PID {process.pid} ({process.name}) exports no C API of Python, so nothing can be run in it")
    return interpreter


def _welcome(connection: socket.socket, meeting: Meeting, process: Process, hub: AgentHub) -> AgentLink:
    """Send the agent, wait for its hello, and hand it to the hub."""
    try:
        connection.settimeout(HELLO + 3.0)
        wire.send(connection, {"sources": bundle.sources()})
        message = wire.receive(connection)
    except (OSError, wire.WireError) as error:
        connection.close()
        raise AttachError(f"the agent in PID {process.pid} did not say hello: {error}") from error
    if message is None or message.get("hello") != "agent" or message.get("token") != meeting.token:
        connection.close()
        raise _not_welcome(message or {}, process.pid)
    inside = read_hello(message)
    hello = replace(inside, pid=process.pid, parent=process.parent, started=process.started)
    same = inside.pid == process.pid
    reach = Reach(
        child=(lambda pid: pid) if same else partial(_outer_pid, process.pid),
        meet=_meet_child if meeting.listener is None else None,
        listener=meeting.listener,
        leftovers=meeting.keep(),
    )
    return hub.adopt(connection, hello, reach)


def _not_welcome(message: dict[str, Any], pid: int) -> AttachError:
    if message.get("hello") == "busy":
        return AttachError(
            f"PID {pid} is already being observed by {message.get('holder') or 'another leakhunt'}",
            "Wait until that has finished, or end it.",
        )
    why = message.get("error") or "it left without a word"
    return AttachError(f"the agent could not start in PID {pid}: {why}. The app is unchanged")


def _meet_child(token: str, pid: int, deadline: float) -> socket.socket | None:
    while time.monotonic() < deadline:
        if (connection := take(pid, token)) is not None:
            return connection
        time.sleep(_POLL / 10)
    return None


def _outer_pid(parent: int, inner: int) -> int:
    """Pid of the child that is `inner` in the pid namespace of its parent."""
    for child in descendants(parent):
        with suppress(OSError):
            text = Path(f"/proc/{child.pid}/status").read_text(errors="replace")
            if f"\t{inner}\n" in text[text.index("NSpid:") :].split("\n", 1)[0] + "\n":
                return child.pid
    raise AgentError(f"the snapshot child of process {parent} cannot be found")


@contextmanager
def _alone(pid: int) -> Iterator[None]:
    """Of several controllers on this machine one injects at a time; whoever is killed lets go of the lock."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AttachError(f"another leakhunt is attaching to PID {pid}") from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _is_slow(outcome: Outcome) -> bool:
    """Whether the thread was let go before it was done: it waits for the GIL."""
    return outcome.stopped > 10.0


def _where(pid: int) -> str:
    """What the main thread does, as the kernel sees it."""
    with suppress(OSError):
        number = Path(f"/proc/{pid}/syscall").read_text().split()[0]
        if number.lstrip("-").isdigit() and int(number) >= 0:
            return f"system call {number}"
    return "its own code"
