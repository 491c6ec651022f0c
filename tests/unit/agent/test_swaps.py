from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from leakhunt.agent import journal
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import Counted
from leakhunt.agent.swaps import Swaps


class Server:
    application: Any = None


def app(_environ: Any, _start_response: Any) -> list[bytes]:
    return [b"ok"]


@pytest.fixture
def swaps() -> Iterator[Swaps]:
    COUNTERS.reset()
    yield Swaps()
    COUNTERS.reset()


def ask(server: Server) -> None:
    response = server.application({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None)
    assert list(response) == [b"ok"]


def test_a_server_has_our_wrapper_until_it_gets_its_own_application_back(swaps: Swaps) -> None:
    server = Server()
    server.application = app
    swaps.put(server, "application", Counted(app))
    ask(server)
    assert COUNTERS.served() == {"GET /": 1}
    assert swaps.undo() == []
    assert server.application is app


def test_what_an_object_had_from_its_class_it_has_from_its_class_again(swaps: Swaps) -> None:
    class Simple(Server):
        application = staticmethod(app)

    server = Simple()
    swaps.put(server, "application", Counted(app))
    swaps.undo()
    assert vars(server) == {}


def test_what_someone_has_wrapped_after_us_stays_passes_through_and_is_named(swaps: Swaps) -> None:
    server = Server()
    server.application = app
    swaps.put(server, "application", Counted(app))
    ours = server.application
    theirs = server.application = functools.partial(ours)
    assert swaps.undo() == [f"{__name__}.Server.application"]
    assert server.application is theirs
    again = Counted(app)
    again(dict[str, Any](), None)
    ask(server)  # even while others are counted
    assert COUNTERS.served() == {}


def test_others_that_took_the_application_from_the_server_are_given_theirs_back(swaps: Swaps) -> None:
    server = Server()
    server.application = app
    early, stranger = Server(), Server()
    early.application, stranger.application = app, print
    connections = [early, stranger]
    swaps.put(server, "application", Counted(app), lambda: [(each, "application") for each in connections])
    assert early.application is server.application
    assert stranger.application is print
    late = Server()
    late.application = server.application
    connections.append(late)
    assert swaps.undo() == []
    assert [each.application for each in (early, late, stranger)] == [app, app, print]


def test_a_server_that_ends_meanwhile_is_not_kept_alive(swaps: Swaps) -> None:
    server = Server()
    server.application = app
    swaps.put(server, "application", Counted(app))
    gone = weakref.ref(server)
    del server
    gc.collect()
    assert gone() is None
    assert swaps.undo() == []


def test_what_cannot_be_given_back_keeps_nothing_else_from_it(swaps: Swaps) -> None:
    class Locked(Server):
        locked = False

        def __setattr__(self, name: str, value: object) -> None:
            if self.locked:
                raise TypeError("locked")
            super().__setattr__(name, value)

    first, second = Server(), Locked()
    first.application = second.application = app
    swaps.put(first, "application", Counted(app))
    swaps.put(second, "application", Counted(app))
    Locked.locked = True
    journal.clear()
    try:
        swaps.undo()
        assert journal.problems == ["give back: TypeError: locked"]
    finally:
        journal.clear()
    assert first.application is app
    assert not swaps.any()
