"""Has a process run the agent's text by what Python 3.14 and later offer for it, see `remote_debug`."""

from __future__ import annotations

import socket
import time
from typing import Final

from leakhunt.agent import bundle
from leakhunt.errors import AgentError, AttachError
from leakhunt.targets.inject.channel import Meeting
from leakhunt.targets.inject.injection import Injection, system_call
from leakhunt.targets.inject.interpreter import COOKIE
from leakhunt.targets.inject.memory import Memory
from leakhunt.targets.inject.processors import here
from leakhunt.targets.inject.remote_debug import OLDEST, RemoteDebugging, Unknown, remote_exec, script_for
from leakhunt.units import Seconds

_BUSY: Final[Seconds] = 0.3
"""How long a main thread that runs Python may take to look for a script."""
_NUDGED: Final[Seconds] = 0.5
"""The same for one whose system call was interrupted for it."""


class Debugging:
    """The main thread is asked, and only that one: the state of another may be freed while we write to it.

    A main thread that waits for a lock does not look for a script, whatever interrupts it.
    """

    def __init__(self, injection: Injection, memory: Memory) -> None:
        self._injection = injection
        self._memory = memory

    def inject(self, meeting: Meeting) -> socket.socket | None:
        """Have the agent come to the meeting; None if this is not possible here, and nothing is left of it."""
        runtime = self._injection.interpreter.runtime
        if runtime is None or not self._offers(runtime.address):
            return None
        pid = self._injection.process.pid
        with script_for(pid, bundle.arrival_text(meeting.offers, meeting.token)) as script:
            if script is None:
                return None
            try:
                debugging = RemoteDebugging(self._memory, runtime.address)
                return self._ask(debugging, script, meeting)
            except Unknown:
                return self._ask_by_its_own_means(script, meeting)
            except OSError:
                return None

    def _offers(self, runtime: int) -> bool:
        """Whether this version knows such scripts: the table came earlier."""
        head = self._memory.read(runtime, 16)
        return head[:8] == COOKIE and (head[11], head[10]) >= OLDEST

    def _ask(self, debugging: RemoteDebugging, script: str, meeting: Meeting) -> socket.socket | None:
        if not debugging.enabled:
            raise AttachError(
                "the app was started with remote debugging disabled", "Restart it without -X disable-remote-debug."
            )
        call = system_call(self._injection.process.pid)
        if call == here.futex:
            return None
        running = call is None
        debugging.ask(debugging.main, script, running=running)
        connection = meeting.wait(time.monotonic() + _BUSY) if running else None
        if connection is None and debugging.pending(debugging.main):
            self._injection.nudge()
            connection = self._wait_while_pending(debugging, meeting)
        if connection is None:
            debugging.cancel(debugging.main)
            connection = meeting.wait(time.monotonic())
        return connection

    @staticmethod
    def _wait_while_pending(debugging: RemoteDebugging, meeting: Meeting) -> socket.socket | None:
        deadline = time.monotonic() + _NUDGED
        while debugging.pending(debugging.main) and time.monotonic() < deadline:
            time.sleep(0.005)
        if debugging.pending(debugging.main):
            return None
        return meeting.wait(time.monotonic() + _NUDGED)

    def _ask_by_its_own_means(self, script: str, meeting: Meeting) -> socket.socket | None:
        """Without its tables the request cannot be taken back: without the script it fails, and the app goes on."""
        try:
            remote_exec(self._injection.process.pid, script)
        except AgentError:
            return None
        connection = meeting.wait(time.monotonic() + _BUSY)
        if connection is None:
            self._injection.nudge()
            connection = meeting.wait(time.monotonic() + _NUDGED)
        return connection
