"""Delta debugging, against every small case there is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.workload.ddmin import ddmin

SIZES = range(1, 7)
NEEDED = [(size, needed) for size in SIZES for count in range(size + 1) for needed in combinations(range(size), count)]


@pytest.mark.parametrize(("size", "needed"), NEEDED)
def test_what_is_needed_is_found_and_nothing_else(size: int, needed: tuple[int, ...]) -> None:
    assert ddmin(range(size), lambda some: set(needed) <= set(some)) == list(needed)


@given(st.integers(1, 12), st.data())
def test_no_single_item_of_the_result_can_be_spared_whatever_the_effect(size: int, data: st.DataObject) -> None:
    """Effects that need not be monotone: only the whole is known to show it."""
    told: dict[tuple[int, ...], bool] = {tuple(range(size)): True}

    def shows(some: Sequence[int]) -> bool:
        return told.setdefault(tuple(some), data.draw(st.booleans()))

    left = ddmin(range(size), shows)
    assert told[tuple(left)]
    without = [tuple(left[:spared] + left[spared + 1 :]) for spared in range(len(left))]
    assert not any(shows(some) for some in without)


def test_one_culprit_among_many_is_found_in_few_questions() -> None:
    asked: list[Sequence[int]] = []

    def shows(some: Sequence[int]) -> bool:
        asked.append(some)
        return 41 in some

    assert ddmin(range(64), shows) == [41]
    assert len(asked) <= 2 * 6 + 2


def test_the_paper_s_bound_is_kept_in_the_worst_case() -> None:
    asked = 0

    def shows(some: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return len(some) == 8

    assert ddmin(range(8), shows) == list(range(8))
    assert asked <= 8 * 8 + 3 * 8 + 1


def test_of_nothing_nothing_is_needed() -> None:
    assert ddmin([], lambda _: False) == []
