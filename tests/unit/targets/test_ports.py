from __future__ import annotations

import os
import socket
from pathlib import Path

from leakhunt.targets.ports import Listener, listeners


def test_listening_sockets_are_found_with_their_holders(tmp_path: Path) -> None:
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six, socket.socket(socket.AF_UNIX) as unix:
        four.bind(("127.0.0.1", 0))
        six.bind(("::1", 0))
        unix.bind(str(tmp_path / "a.sock"))
        expected = {
            Listener(host="127.0.0.1", port=four.getsockname()[1]),
            Listener(host="::1", port=six.getsockname()[1]),
            Listener(path=str(tmp_path / "a.sock")),
        }
        assert not expected & set(listeners([os.getpid()]))
        for each in (four, six, unix):
            each.listen()
        found = listeners([os.getpid()])
    assert expected <= set(found)
    assert set(found.values()) == {frozenset({os.getpid()})}


def test_a_process_that_is_gone_listens_on_nothing() -> None:
    assert listeners([2**22 + 1]) == {}
