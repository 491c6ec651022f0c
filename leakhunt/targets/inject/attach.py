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
from leakhunt.errors import AgentError, AttachError
from leakhunt.targets.answers import read_hello
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.channel import WAYS, Meeting, take
from leakhunt.targets.inject.debugging import Debugging
from leakhunt.targets.inject.injection import Injection
from leakhunt.targets.inject.interpreter import Interpreter, NoRoom, find_interpreter
from leakhunt.targets.inject.memory import Memory, open_memory, read_mappings
from leakhunt.targets.inject.preflight import Answer, preflight, refusal
from leakhunt.targets.link import AgentLink
from leakhunt.targets.reach import Reach
from leakhunt.targets.tree import Process, descendants, read_process
from leakhunt.units import Seconds

METHODS: Final = ("remote debugging", "ptrace")
_LOADING: Final[Seconds] = 5.0
"""How long an agent that has come may take to say hello, at least."""
_LOCK_PATIENCE: Final[Seconds] = 5.0
_POLL: Final[Seconds] = 0.01


@dataclass(frozen=True, slots=True)
class Attached:
    """An agent that has said hello."""

    link: AgentLink
    method: str
    """How its text came to be run: one of `METHODS`."""
    way: str
    """How the agent reaches us: one of `channel.WAYS`."""
    stopped: Seconds
    """How long a thread of the app stood still for it, at the longest."""
    duration: Seconds
    """From the call to the hello."""
    doubts: tuple[str, ...]
    """What preflight could not tell to work, in sentences."""


def attach(
    pid: int,
    hub: AgentHub,
    *,
    timeout: Seconds = 10.0,
    ways: tuple[str, ...] = WAYS,
    methods: tuple[str, ...] = METHODS,
) -> Attached:
    """Bring an agent into a process and have `hub` serve it.

    `timeout` is how long the app may take to run the text: a thread of it has to wait for something, or its main
    thread to run Python. `ways` are the ways to try for the agent to reach us, in that order,
    and `methods` to have its text run; those that the interpreter does not offer are passed over.

    Raises:
        AttachError: it was refused, or did not work.
    """
    began = time.monotonic()
    doubts = _require_permission(pid)
    process = read_process(pid)
    if process is None:
        raise AttachError(f"PID {pid} does not exist (any more)")
    with _alone(pid) as lock, open_memory(pid) as memory:
        injection = Injection(process, _find_interpreter(memory, process), began + timeout, lock)
        for way in ways:
            with Meeting(pid, way) as meeting:
                if not meeting.offers:
                    continue
                for name, inject in (
                    ("remote debugging", Debugging(injection, memory).inject),
                    ("ptrace", injection.inject),
                ):
                    if name in methods and (connection := inject(meeting)) is not None:
                        link = _welcome(connection, meeting, process, hub, began + timeout)
                        return Attached(link, name, way, injection.stopped, time.monotonic() - began, doubts)
    raise injection.no_answer()


def _require_permission(pid: int) -> tuple[str, ...]:
    """What is neither forbidden nor known to work."""
    findings = preflight(pid)
    refused = refusal(findings)
    if refused is not None:
        raise AttachError(refused.sentence, refused.hint)
    return tuple(each.sentence for each in findings if each.answer is Answer.UNKNOWN)


def _find_interpreter(memory: Memory, process: Process) -> Interpreter:
    try:
        interpreter = find_interpreter(memory, read_mappings(process.pid))
    except NoRoom:
        raise AttachError(f"PID {process.pid} has no executable page with room for a few bytes of code") from None
    if interpreter is None:
        raise AttachError(f"PID {process.pid} ({process.name}) exports no C API of Python, so nothing can be run in it")
    return interpreter


def _welcome(
    connection: socket.socket, meeting: Meeting, process: Process, hub: AgentHub, deadline: float
) -> AgentLink:
    """Send the agent, wait for its hello, and hand it to the hub."""
    try:
        # Its modules are compiled there, while the app goes on; some apps let go of the GIL only now and then.
        connection.settimeout(max(_LOADING, deadline - time.monotonic()))
        wire.send(connection, {"sources": bundle.sources(), "silence": hub.silence})
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
def _alone(pid: int) -> Iterator[int]:
    """Of several controllers on this machine one injects at a time; a descriptor that holds the lock.

    Whoever is killed lets go of it, but for the helper that works for it, if there is one.
    """
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
        yield descriptor
    finally:
        os.close(descriptor)
