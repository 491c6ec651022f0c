"""Snapshot children as the controller sees them: how they are met, and that they are gone."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.targets.tree import read_process
from leakhunt.units import Seconds

CHILD_END: Final[Seconds] = 5.0
"""How long a child may take to end after its last word: the kernel takes apart a copy of the whole heap."""
_POLL: Final[Seconds] = 0.0005
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Reach:
    """How the snapshot children of an attached agent are met, and what is to be closed when it is gone."""

    child: Callable[[int], int]
    """Pid of a child, from the pid that it has inside."""
    meet: Callable[[str, int, float], socket.socket | None] | None
    """By token, pid and deadline; None where children connect to the listener."""
    listener: socket.socket | None
    leftovers: ExitStack

    def find(self, inside: int, token: str, welcome: Callable[[socket.socket], None], patience: Seconds) -> int:
        """Pid of a child that has the pid `inside` where it runs; one that cannot connect by itself is helped to."""
        child = self.child(inside)
        if self.meet is not None:
            threading.Thread(
                target=_help,
                args=(partial(self.meet, token, child, time.monotonic() + patience), welcome),
                name="leakhunt-fetch",
                daemon=True,
            ).start()
        return child


def _help(meet: Callable[[], socket.socket | None], welcome: Callable[[socket.socket], None]) -> None:
    connection = meet()
    if connection is not None:
        welcome(connection)


def end_child(child: int, *, patience: Seconds) -> None:
    """Return once a snapshot child is gone; it is killed if it still lives after `patience`.

    A zombie is gone: it has no memory any more.
    """
    if not _gone(child, patience):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
        if not _gone(child, CHILD_END):
            raise AgentError(f"the snapshot child {child} does not end, so nothing can be measured beside it")


def _gone(pid: int, patience: Seconds) -> bool:
    deadline = time.monotonic() + patience
    while (process := read_process(pid)) is not None and not process.ended:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def peer(connection: socket.socket) -> int:
    """Pid of the process at the other end, as the kernel knows it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[0])
