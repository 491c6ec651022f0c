"""What snapshot children send, brought to whoever has asked for it."""

from __future__ import annotations

import queue
import socket
import threading
import zlib
from contextlib import suppress
from typing import Any, Final, TypeAlias

from leakhunt.agent import wire

Results: TypeAlias = "queue.SimpleQueue[dict[str, Any] | None]"

PACKED: Final = "packed"
"""The one key of a message that was left unread."""


class ChildResults:
    """Results that are waited for, by the token of the child that will send them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[Results, bool]] = {}

    def expect(self, token: str, *, unread: bool = False) -> Results:
        """Where an empty message comes in when the child has begun, then its result; None if it died before.

        An `unread` result is not taken apart: as objects it takes many times as much memory as packed.
        """
        results: Results = queue.SimpleQueue()
        with self._lock:
            self._waiting[token] = results, unread
        return results

    def forget(self, token: str) -> None:
        """A result that comes later is thrown away."""
        with self._lock:
            self._waiting.pop(token, None)

    def take(self, connection: socket.socket, token: str) -> None:
        """Receive what a child has to say, to its end."""
        with self._lock:
            results, unread = self._waiting.get(token, (None, False))
        message = None
        with connection, suppress(OSError, wire.WireError):
            connection.settimeout(None)  # it ends when the child does
            if results is not None:
                results.put({})
                message = _packed(connection) if unread else wire.receive(connection)
        if results is not None:
            results.put(message)


def _packed(connection: socket.socket) -> dict[str, Any] | None:
    body = wire.receive_body(connection)
    return None if body is None else {PACKED: zlib.compress(body, 1)}
