"""Agents in processes that are only watched: brought in one by one when asked for, and gone at the end."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.launch_dir import LaunchDir
from leakhunt.targets.link import LEAVING, AgentLink
from leakhunt.targets.tree import Process
from leakhunt.units import Seconds

_HOOKINGS: Final = 6
"""How often an app is looked for in a process: a worker that was just forked may not have it yet."""
_FIRST_WAIT: Final[Seconds] = 0.25
"""From the first look to the second; each wait is twice the one before, which makes 8 s until the last."""


@dataclass(slots=True)
class Guest:
    """The agent in one process."""

    process: Process
    link: AgentLink
    doubts: tuple[str, ...] = ()
    """Why the attach may have been worse than usual."""
    server: str | None = None
    """What hands requests to the app, once they are counted there."""
    uncounted: str | None = None
    """Why requests are not counted."""
    _hookings: int = 0
    _due: Seconds = 0.0

    def hook(self, app: str | None) -> None:
        """Have its requests counted, unless they are, or it is not yet time to try again, or no more."""
        now = time.monotonic()
        if self._hookings and (self.uncounted is None or self._hookings >= _HOOKINGS or now < self._due):
            return
        self._due = now + _FIRST_WAIT * 2**self._hookings
        self._hookings += 1
        try:
            found = self.link.hook(app)
        except AgentError as error:
            self.uncounted = error.message
        else:
            self.uncounted = None
            self.server = found.servers[0].server if found.servers else None


class Guests:
    """All of them, from `__enter__` to `__exit__`. `app` is `MODULE:CALLABLE`, where no server tells which it is."""

    def __init__(self, app: str | None = None) -> None:
        self.stopped: Seconds = 0.0
        """How long a thread stood still for one of them, at the longest."""
        self._app = app
        self._open = ExitStack()
        self._guests: dict[str, Guest] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Guests:
        self._hub = open_hub(self._open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        self._open.close()

    def bring(self, process: Process) -> Guest:
        """Bring the agent into a process; raises AttachError if that is refused or does not work."""
        done = attach(process.pid, self._hub)
        self.stopped = max(self.stopped, done.stopped)
        guest = Guest(process, done.link, done.doubts)
        with self._lock:
            self._guests[process.key] = guest
        guest.hook(self._app)
        return guest

    def try_again(self, guest: Guest) -> None:
        """Look for the app once more where it was not found, if it is time."""
        guest.hook(self._app)

    def links(self) -> tuple[AgentLink, ...]:
        """All agents that were brought in, those that are gone as well."""
        return self._hub.links()

    def present(self) -> Mapping[str, Guest]:
        """Those that are there, by key of their process."""
        with self._lock:
            for guest in [each for each in self._guests.values() if not each.link.alive]:
                del self._guests[guest.process.key]
                guest.link.close()
            return dict(self._guests)

    def leave(self) -> tuple[str, ...]:
        """Have all undo what they did and go; what had to stay, one sentence each.

        One that does not answer in time does so by itself when its connection ends.
        """
        left: list[str] = []

        def detach(link: AgentLink) -> None:
            with suppress(AgentError):  # it has ended, or sees for itself that we are gone
                if names := link.detach():
                    left.append(f"Something of the agent had to stay in PID {link.hello.pid}: {', '.join(names)}.")

        leaving = [
            threading.Thread(target=detach, args=(guest.link,), name="leakhunt-detach", daemon=True)
            for guest in self.present().values()
        ]
        for each in leaving:
            each.start()
        deadline = time.monotonic() + LEAVING
        for each in leaving:
            each.join(max(0.0, deadline - time.monotonic()))
        return tuple(left)


def open_hub(until: ExitStack) -> AgentHub:
    """A hub that nobody connects to, since attached agents are met elsewhere: a killed leakhunt leaves no file."""
    directory = LaunchDir.make()
    try:
        return until.enter_context(AgentHub(directory.socket))
    finally:
        shutil.rmtree(directory.path, ignore_errors=True)
