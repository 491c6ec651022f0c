from __future__ import annotations

from collections.abc import Iterator

import pytest

from leakhunt.agent import journal


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    before = list(journal.problems)
    journal.clear()
    yield
    journal.problems[:] = before


def fail(text: str, place: str = "begin") -> None:
    try:
        look_up(text)
    except LookupError:
        journal.note(place)


def look_up(text: str) -> None:
    raise LookupError(text)


def test_an_exception_is_remembered_with_its_place_type_and_text() -> None:
    fail("no größe")
    assert journal.problems == ["begin: LookupError: no größe"]


def test_a_text_of_several_lines_is_one_problem_of_one_line() -> None:
    fail("no\ngröße\r\n at\u2028all\n")
    assert journal.problems == ["begin: LookupError: no größe at all"]


def test_an_exception_that_cannot_be_read_is_no_harm() -> None:
    class Unreadable(LookupError):
        def __str__(self) -> str:
            raise ValueError("me neither")

    try:
        raise Unreadable
    except LookupError:
        journal.note("begin")
    assert journal.problems == ["begin: Unreadable: its text cannot be read"]


def test_where_nothing_went_wrong_nothing_is_remembered() -> None:
    journal.note("begin")
    assert journal.problems == []


def test_problems_stand_in_the_order_they_came() -> None:
    fail("a")
    fail("b", "finish")
    assert journal.problems == ["begin: LookupError: a", "finish: LookupError: b"]


def test_a_guest_that_keeps_failing_does_not_fill_the_hosts_memory() -> None:
    for number in range(journal.LIMIT + 30):
        fail(f"{number} " + "x" * 10_000)
    assert len(journal.problems) == journal.LIMIT
    assert journal.problems[0].startswith("begin: LookupError: 0 ")
    assert max(map(len, journal.problems)) <= 300


def test_who_holds_the_list_sees_it_emptied() -> None:
    held = journal.problems
    fail("a")
    journal.clear()
    assert held == []
    fail("b")
    assert held == ["begin: LookupError: b"]
