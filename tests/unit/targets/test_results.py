"""What snapshot children send, and who gets it."""

from __future__ import annotations

import socket
import zlib

import pytest

from leakhunt.agent import wire
from leakhunt.errors import AgentError, RunFileError
from leakhunt.model.snapshot import PathNode
from leakhunt.targets.answers import UnreadSnapshot
from leakhunt.targets.results import FAILED, PACKED, ChildResults

PATHS = {"names": ["roots", "a"], "parents": [-1, 0], "edges": [0, 1], "types": [0, 1], "counts": [1, 5]} | {
    "sizes": [0, 50],
    "lengths": [0, 0],
}
MESSAGE = {"result": {"paths": PATHS}, "problems": ["one"], "memory": 4096}


def sent(results: ChildResults, token: str, *messages: dict[str, object]) -> None:
    """What a child sends under this token, up to its end."""
    ours, theirs = socket.socketpair()
    with theirs:
        for message in messages:
            wire.send(theirs, message)
    results.take(ours, token)
    assert ours.fileno() == -1


def test_a_result_comes_after_a_sign_that_the_child_has_begun() -> None:
    results = ChildResults()
    waiting = results.expect("t")
    sent(results, "t", MESSAGE)
    assert (waiting.get(timeout=5), waiting.get(timeout=5)) == ({}, MESSAGE)


def test_a_child_that_dies_before_is_told_by_nothing() -> None:
    results = ChildResults()
    waiting = results.expect("t")
    sent(results, "t")
    assert (waiting.get(timeout=5), waiting.get(timeout=5)) == ({}, None)


def test_a_result_that_nobody_waits_for_any_more_is_thrown_away() -> None:
    results = ChildResults()
    waiting = results.expect("t")
    results.forget("t")
    sent(results, "t", MESSAGE)
    assert waiting.empty()


def test_an_unread_result_comes_packed_and_is_read_later() -> None:
    results = ChildResults()
    waiting = results.expect("t", unread=True)
    sent(results, "t", MESSAGE)
    waiting.get(timeout=5)
    message = waiting.get(timeout=5)
    assert message is not None
    snapshot, memory = UnreadSnapshot("1@1", 3, 0.01, ("zero",), message[PACKED]).read()
    assert (snapshot.worker, snapshot.round, snapshot.pause, memory) == ("1@1", 3, 0.01, 4096)
    assert snapshot.paths == (PathNode(-1, "roots", "roots", 1, 0), PathNode(0, "a", "a", 5, 50))
    assert snapshot.problems == ("zero", "one")


@pytest.mark.parametrize("text", ["[]", "{}", '{"result": {"paths": {}}, "problems": []}', "no JSON"])
def test_what_makes_no_sense_is_said_when_it_is_read(text: str) -> None:
    packed = zlib.compress(text.encode())
    with pytest.raises(AgentError, match="makes no sense"):
        UnreadSnapshot("1@1", 3, 0.01, (), packed).read()


class Pieces:
    """Keeps what it is given; refuses one piece."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1
        self.taken = []

    def take(self, body: bytes) -> None:
        if body == b"no":
            raise RunFileError("the disk is full")
        self.taken.append(body)


def pieces_sent(*pieces: bytes, message: dict[str, object] | None = None) -> tuple[Pieces, dict[str, object] | None]:
    results, sink = ChildResults(), Pieces()
    waiting = results.expect("t", sink=sink)
    ours, theirs = socket.socketpair()
    with theirs:
        for piece in pieces:
            wire.send_raw(theirs, piece[:1], piece[1:])
        if message is not None:
            wire.send(theirs, message)
    results.take(ours, "t")
    assert waiting.get(timeout=5) == {}
    return sink, waiting.get(timeout=5)


def test_a_sink_is_given_what_comes_before_the_result() -> None:
    sink, message = pieces_sent(b"one", b"{}", message=MESSAGE)
    assert (sink.begun, sink.taken, message) == (1, [b"one", b"{}"], MESSAGE)


def test_a_child_that_dies_before_its_result_is_told_by_nothing_whatever_it_sent() -> None:
    sink, message = pieces_sent(b"one")
    assert (sink.taken, message) == ([b"one"], None)


def test_what_goes_wrong_in_a_sink_is_the_result() -> None:
    _, message = pieces_sent(b"no", b"two", message=MESSAGE)
    assert message is not None
    assert str(message[FAILED]) == "the disk is full"
