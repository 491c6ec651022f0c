from __future__ import annotations

from typing import Any

import pytest

from leakhunt.errors import UsageError
from leakhunt.plugin.limits import Limits, with_limits


@pytest.mark.parametrize(
    ("given", "bytes_"),
    [("64B/call", 64), ("1KiB/call", 1024), ("2 KB / call", 2000), ("1.5MiB", 1.5 * 2**20), (300, 300), (None, None)],
)
def test_growth_is_a_size_per_call(given: Any, bytes_: float | None) -> None:
    assert with_limits(Limits(), {"max_growth": given}, "mark").max_growth == bytes_


def test_peaks_are_sizes() -> None:
    assert with_limits(Limits(), {"max_peak": "10MB"}, "mark").max_peak == 10_000_000


def test_what_is_given_later_takes_the_place_of_what_was_given_before() -> None:
    first = with_limits(Limits(), {"max_growth": "1KiB", "time": 3}, "class")
    second = with_limits(first, {"max_growth": "2KiB"}, "test")
    assert (second.max_growth, second.time) == (2048, 3)


def test_a_size_is_told_as_it_was_written() -> None:
    limits = with_limits(Limits(), {"max_peak": "10MB"}, "mark")
    assert limits.allowed("max_peak") == "10MB"
    assert limits.allowed("max_growth") == "64 B"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_grow": 1}, "there is no max_grow. Did you mean max_growth?"),
        ({"max_growth": "much"}, "'much' is no size"),
        ({"max_growth": "0B"}, "at least 1 B per call"),
        ({"max_growth": "1KiB/request"}, "is no size"),
        ({"max_peak": -1}, "has to be a size"),
        ({"max_peak": True}, "has to be a size"),
        ({"rounds": 6}, "12 to 54"),
        ({"rounds": "12"}, "whole number"),
        ({"calls": 10}, "200 or more"),
        ({"time": 0}, "number of seconds"),
        ({"time": "soon"}, "number of seconds"),
        ({"ignore": ["sockets"]}, "'sockets' cannot be ignored"),
        ({"collect": 0}, "True or False"),
        ({"undecided": "pass"}, "fail or skip"),
        ({"known": "all"}, "has to be a function"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_limits(Limits(), given, "mark")
    assert told in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message.startswith("mark: ")


def test_one_resource_may_be_named_without_a_list() -> None:
    assert with_limits(Limits(), {"ignore": "threads"}, "mark").ignore == {"threads"}
