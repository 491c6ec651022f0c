"""Frames on the wire between controller and agent: 4 bytes of length, big-endian, then UTF-8 JSON, or a 0 and bytes."""

from __future__ import annotations

import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Stream(Protocol):
        """The part of a socket that frames need."""

        def recv(self, size: int, /) -> bytes: ...
        def sendall(self, data: bytes, /) -> None: ...


LENGTH = struct.Struct(">I")
LARGEST = 1 << 30
"""Bytes; more than any snapshot needs, so a longer frame is garbage."""
RAW = b"\0"
"""First byte of a frame that holds no JSON."""
CHUNK = 1 << 18
ALIVE = "alive"
"""What a controller has "done" that only says it is still there; this is not answered."""


class WireError(Exception):
    """The other side does not speak this protocol."""


def encode(message: dict[str, Any]) -> bytes:
    """One frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return LENGTH.pack(len(body)) + body


def send(stream: Stream, message: dict[str, Any]) -> None:
    """Write one frame; raises OSError when the other side is gone."""
    stream.sendall(encode(message))


def send_raw(stream: Stream, *parts: Any) -> None:
    """Write one frame that is no message but bytes, as whoever reads it knows them: `raw` tells it from JSON."""
    length = 1 + sum(memoryview(part).nbytes for part in parts)
    stream.sendall(LENGTH.pack(length) + RAW)
    for part in parts:
        stream.sendall(part)


def raw(body: bytes) -> bytes | None:
    """What `send_raw` was given, joined; None where the frame is a message."""
    return body[len(RAW) :] if body[: len(RAW)] == RAW else None


def receive(stream: Stream) -> dict[str, Any] | None:
    """Read one frame; None at the end of the stream. Raises WireError on garbage, OSError as the socket does."""
    body = receive_body(stream)
    return None if body is None else decode(body)


def receive_body(stream: Stream) -> bytes | None:
    """Read one frame and leave what it holds for later."""
    head = _exactly(stream, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    if length > LARGEST:
        raise WireError(f"a frame of {length} bytes is no message")
    return _exactly(stream, length)


def decode(body: bytes) -> dict[str, Any]:
    """The message in the body of a frame."""
    try:
        message = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise WireError(f"a frame holds no JSON: {error}") from error
    if not isinstance(message, dict):
        raise WireError("a frame holds no JSON object")
    return message


def _exactly(stream: Stream, count: int) -> bytes | None:
    parts = []
    while count:
        part = stream.recv(min(count, CHUNK))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
