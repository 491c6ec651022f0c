"""What snapshot children send, brought to whoever has asked for it."""

from __future__ import annotations

import queue
import socket
import threading
import zlib
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from leakhunt.agent import wire
from leakhunt.errors import LeakhuntError

Results: TypeAlias = "queue.SimpleQueue[dict[str, Any] | None]"

PACKED: Final = "packed"
"""The one key of a message that was left unread."""
FAILED: Final = "failed"
"""The one key of a message that stands for an error of whoever took what was sent before it."""


class Sink(Protocol):
    """Takes what a child sends before its result, piece by piece, in a thread of the hub."""

    def begin(self) -> None:
        """A child has been asked for; what an earlier one sent is void."""

    def take(self, body: bytes) -> None:
        """One piece."""


class ChildResults:
    """Results that are waited for, by the token of the child that will send them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[Results, bool, Sink | None]] = {}

    def expect(self, token: str, *, unread: bool = False, sink: Sink | None = None) -> Results:
        """Where an empty message comes in when the child has begun, then its result; None if it died before.

        An `unread` result is not taken apart: as objects it takes many times as much memory as packed. A `sink` is
        given what comes before the result.
        """
        if sink is not None:
            sink.begin()
        results: Results = queue.SimpleQueue()
        with self._lock:
            self._waiting[token] = results, unread, sink
        return results

    def forget(self, token: str) -> None:
        """A result that comes later is thrown away."""
        with self._lock:
            self._waiting.pop(token, None)

    def take(self, connection: socket.socket, token: str) -> None:
        """Receive what a child has to say, to its end."""
        with self._lock:
            results, unread, sink = self._waiting.get(token, (None, False, None))
        message = None
        with connection, suppress(OSError, wire.WireError):
            connection.settimeout(None)  # it ends when the child does
            if results is not None:
                results.put({})
                message = _packed(connection) if unread else _last(connection, sink)
        if results is not None:
            results.put(message)


def _last(connection: socket.socket, sink: Sink | None) -> dict[str, Any] | None:
    """The message that comes after all that the sink is given."""
    while (body := wire.receive_body(connection)) is not None:
        piece = wire.raw(body)
        if piece is None:
            return wire.decode(body)
        if sink is not None:
            try:
                sink.take(piece)
            except LeakhuntError as error:
                return {FAILED: error}
    return None


def _packed(connection: socket.socket) -> dict[str, Any] | None:
    body = wire.receive_body(connection)
    return None if body is None else {PACKED: zlib.compress(body, 1)}
