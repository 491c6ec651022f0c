from __future__ import annotations

import array
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from leakhunt.agent.extensions import Extensions
from leakhunt.agent.operations import arguments, operations, resolve

EXTENSIONS = Extensions()


class Counts(array.array):  # type: ignore[type-arg]  # of any numbers
    """A class of the app's over one of an extension."""


class Proxy:
    """What frameworks hand out in place of a request that may not be there."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("there is no request")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        """Never set."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def seen(function: Callable[..., Any], *given: Any) -> set[tuple[str, str]]:
    """(kind, function) of all that the operations of a function lead to, resolved in a frame of its own."""
    found: set[tuple[str, str]] = set()
    plan = operations(function.__code__)

    def look(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is function.__code__ and event == "return":
            for operation in plan.values():
                found.update((operation.kind, name) for _, name in resolve(operation, frame, EXTENSIONS))
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        function(*given)
    finally:
        sys.settrace(before)
    return found


def test_methods_and_constructors_are_calls() -> None:
    def app() -> None:
        numbers = array.array("b")
        numbers.append(1)

    assert {("call", "array.append"), ("call", "array.__new__")} <= seen(app)


def test_loops_run_the_iterator_of_what_they_go_through() -> None:
    def app(numbers: Any) -> None:
        for _ in numbers:
            pass

    assert ("iteration", "array.__iter__") in seen(app, array.array("b", [1]))


def test_items_are_asked_of_the_type() -> None:
    def app(numbers: Any) -> None:
        numbers[0] = numbers[1]

    assert {("item", "array.__getitem__"), ("item", "array.__setitem__")} <= seen(app, array.array("b", [1, 2]))


def test_built_in_functions_run_the_methods_of_what_they_are_given() -> None:
    def app(numbers: Any) -> None:
        list(numbers)

    assert ("call", "array.__iter__") in seen(app, array.array("b", [1]))


def test_a_class_over_one_of_an_extension_leads_there() -> None:
    def app(numbers: Any) -> None:
        numbers[0]

    assert ("item", "array.__getitem__") in seen(app, Counts("b", [1]))


def test_what_is_only_handed_on_leads_nowhere() -> None:
    def other(numbers: Any) -> None:
        """Takes it and does nothing."""

    def app(numbers: Any) -> None:
        other(numbers)

    assert seen(app, array.array("b")) == set()


def test_code_of_the_app_is_not_run_to_look() -> None:
    def app(request: Any) -> None:
        try:
            request.user  # noqa: B018  # the operation itself is meant
        except RuntimeError:
            len((request,))

    assert seen(app, Proxy()) == set()


def test_arguments_are_the_data_that_names_stand_for() -> None:
    words, frame = ["a"], sys._getframe()
    plan = operations(compile("len(words)", "<app>", "eval"))
    (call,) = [each for each in plan.values() if each.kind == "call"]
    assert arguments(call, frame) == [words]


def test_generated_code_of_any_size_is_left_alone() -> None:
    large = compile("x = y.z\n" * 5000, "<large>", "exec")
    assert operations(large) == {}


@pytest.mark.parametrize("text", ["a.b(c)", "for x in a: pass", "a[b] += c", "[*a]", "f'{a}'", "with a: pass"])
def test_operations_are_known_by_their_offset(text: str) -> None:
    code = compile(text, "<app>", "exec")
    plan = operations(code)
    assert plan
    assert all(0 <= offset < len(code.co_code) for offset in plan)
