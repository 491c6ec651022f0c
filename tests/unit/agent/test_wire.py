from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.agent.wire import CHUNK, LARGEST, LENGTH, WireError, decode, encode, receive, send

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Trickle:
    """A stream that gives few bytes at a time, and ends."""

    def __init__(self, data: bytes, size: int = 1) -> None:
        self._data, self._size = data, size
        self.largest = 0

    def recv(self, size: int, /) -> bytes:
        self.largest = max(self.largest, size)
        size = min(size, self._size)
        part, self._data = self._data[:size], self._data[size:]
        return part

    def sendall(self, data: bytes, /) -> None:
        self._data += data


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        yield ours, theirs


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_a_message_arrives_as_it_was_sent_however_it_trickles_in(message: dict[str, Any]) -> None:
    assert receive(Trickle(encode(message), size=3)) == message


def test_messages_follow_each_other(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    for number in range(3):
        send(ours, {"id": number})
    ours.shutdown(socket.SHUT_WR)
    assert [receive(theirs) for _ in range(4)] == [{"id": 0}, {"id": 1}, {"id": 2}, None]


def test_a_message_larger_than_any_buffer_arrives_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    message = {"text": "ü" * 3 * CHUNK}
    sender = threading.Thread(target=send, args=(ours, message))
    sender.start()
    assert receive(theirs) == message
    sender.join()


def test_what_is_asked_of_a_stream_at_once_is_bounded() -> None:
    stream = Trickle(encode({"text": "x" * 2 * CHUNK}), size=CHUNK)
    receive(stream)
    assert stream.largest == CHUNK


def test_a_file_name_that_is_not_utf_8_survives() -> None:
    assert decode(encode({"file": "caf\udce9"})[LENGTH.size :]) == {"file": "caf\udce9"}


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000], ids=["lists", "objects"])
def test_what_is_nested_too_deeply_is_no_message(body: bytes) -> None:
    with pytest.raises(WireError, match="holds no JSON"):
        decode(body)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_frame_that_breaks_off_is_the_end_of_the_stream(cut: int) -> None:
    frame = encode({"id": 17})
    assert len(frame) == 13
    assert receive(Trickle(frame[:-cut])) is None


def test_a_length_that_no_message_has_is_garbage_before_it_is_read() -> None:
    for head in (LENGTH.pack(LARGEST + 1), b"GET / HTTP/1.1\r\n"):
        stream = Trickle(head + b"x" * 100, size=100)
        with pytest.raises(WireError, match="is no message"):
            receive(stream)
        assert stream.largest == LENGTH.size


@pytest.mark.parametrize("body", [b"", b"{", b"caf\xe9", b'{"a": 1} and more', b'{"a" 1}'])
def test_a_body_that_is_no_json_is_garbage(body: bytes) -> None:
    with pytest.raises(WireError, match="holds no JSON"):
        receive(Trickle(LENGTH.pack(len(body)) + body))


@pytest.mark.parametrize("body", [b"[]", b"null", b'"hello"', b"7"])
def test_json_that_is_no_object_is_garbage(body: bytes) -> None:
    with pytest.raises(WireError, match="no JSON object"):
        decode(body)


def test_writing_to_someone_who_has_left_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match="Broken pipe"):
        send(ours, {"id": 1})
