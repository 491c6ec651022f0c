from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from leakhunt.agent import journal
from leakhunt.agent.patches import Patches


class Server:
    def __init__(self) -> None:
        self.log: list[str] = []

    def handle(self, path: str, *, timeout: float = 1.0) -> str:
        """Handle one request."""
        self.log.append(path)
        return f"{path} within {timeout}"


class Special(Server):
    handler = None


ORIGINAL = vars(Server)["handle"]


@pytest.fixture
def patches() -> Iterator[Patches]:
    made = Patches()
    yield made
    Server.handle = ORIGINAL  # type: ignore[method-assign]  # whatever a test has left there


def shouting(original: Any) -> Callable[..., Any]:
    def ours(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs).upper()

    return ours


def test_what_is_wrapped_calls_the_original(patches: Patches) -> None:
    patches.wrap(Server, "handle", shouting)
    server = Server()
    assert server.handle("/a", timeout=2) == "/A WITHIN 2"
    assert server.log == ["/a"]


def test_the_wrapper_looks_like_the_original(patches: Patches) -> None:
    signature = inspect.signature(Server.handle)
    patches.wrap(Server, "handle", shouting)
    assert (Server.handle.__name__, Server.handle.__qualname__) == ("handle", "Server.handle")
    assert (Server.handle.__module__, Server.handle.__doc__) == (__name__, "Handle one request.")
    assert inspect.signature(Server.handle) == signature


def test_undoing_puts_the_very_original_back(patches: Patches) -> None:
    patches.wrap(Server, "handle", shouting)
    assert vars(Server)["handle"] is not ORIGINAL
    assert patches.undo() == []
    assert vars(Server)["handle"] is ORIGINAL


def test_wrapping_again_changes_nothing_until_it_was_undone(patches: Patches) -> None:
    patches.wrap(Server, "handle", shouting)
    patches.wrap(Server, "handle", lambda original: pytest.fail(f"{original} was wrapped twice"))
    patches.undo()
    patches.wrap(Server, "handle", shouting)
    assert Server().handle("/a") == "/A WITHIN 1.0"
    patches.undo()


@pytest.mark.parametrize("name", ["absent", "handler", "handle"])
def test_what_the_owner_does_not_have_itself_is_left_alone(patches: Patches, name: str) -> None:
    before = dict(vars(Special))
    patches.wrap(Special, name, shouting)
    assert dict(vars(Special)) == before
    assert patches.undo() == []


def test_what_someone_has_wrapped_after_us_is_left_to_them_and_named(patches: Patches) -> None:
    patches.wrap(Server, "handle", shouting)
    ours = vars(Server)["handle"]
    Server.handle = lambda self, path, *, timeout=1.0: ours(self, path, timeout=timeout)[::-1]  # type: ignore[method-assign]
    assert patches.undo() == ["Server.handle"]
    assert Server().handle("/a") == "0.1 NIHTIW A/"


def test_two_owners_with_attributes_of_one_name_are_two_patches(patches: Patches) -> None:
    first, second = SimpleNamespace(run=str.upper), SimpleNamespace(run=str.lower)
    for owner in (first, second):
        patches.wrap(owner, "run", lambda original: lambda text: original(text) + "!")
    assert (first.run("a"), second.run("B")) == ("A!", "b!")
    assert patches.undo() == []
    assert (first.run, second.run) == (str.upper, str.lower)


def test_what_cannot_be_put_back_keeps_nothing_else_from_it(patches: Patches) -> None:
    class Locked(type):
        def __setattr__(cls, name: str, value: object) -> None:
            if getattr(cls, "locked", False):
                raise TypeError("locked")
            super().__setattr__(name, value)

    class Stubborn(metaclass=Locked):
        def handle(self) -> str:
            return "a"

    patches.wrap(Server, "handle", shouting)
    patches.wrap(Stubborn, "handle", shouting)
    Stubborn.locked = True
    journal.clear()
    try:
        patches.undo()
        assert journal.problems == ["undo: TypeError: locked"]
    finally:
        journal.clear()
    assert vars(Server)["handle"] is ORIGINAL


def test_undoing_twice_does_no_harm(patches: Patches) -> None:
    patches.wrap(Server, "handle", shouting)
    patches.undo()
    assert patches.undo() == []
