"""Growth by type between two looks into each worker."""

from __future__ import annotations

import pytest

from leakhunt.analysis.type_growth import Look, grown_types
from leakhunt.model.snapshot import TypeStat


def look(time: float, **types: tuple[int, int]) -> Look:
    return Look.of(time, [TypeStat(name, count, size) for name, (count, size) in types.items()])


def test_growth_is_added_up_over_the_workers_each_by_its_own_time() -> None:
    one = look(0.0, bytes=(10, 1000), Order=(5, 500)), look(60.0, bytes=(30, 5000), Order=(5, 500))
    two = look(30.0, bytes=(1, 100)), look(60.0, bytes=(2, 300))
    (found,) = grown_types([one, two], 10)
    assert (found.type, found.count, found.size) == ("bytes", 32, 5300)
    assert (found.grown_count, found.grown_size) == (21, 4200)
    assert found.count_per_minute == pytest.approx(20 + 2)
    assert found.size_per_minute == pytest.approx(4000 + 400)


def test_the_fastest_in_bytes_come_first_and_no_more_than_are_wanted() -> None:
    before = look(0.0, a=(1, 1), b=(1, 1), c=(1, 1))
    after = look(60.0, a=(1000, 1001), b=(2, 90_000), c=(3, 5000), new=(1, 2000))
    assert [each.type for each in grown_types([(before, after)], 3)] == ["b", "c", "new"]


def test_what_shrinks_or_stays_is_not_told() -> None:
    before, after = look(0.0, less=(9, 900), same=(5, 500), gone=(1, 10)), look(60.0, less=(1, 100), same=(5, 500))
    assert grown_types([(before, after)], 10) == ()


def test_one_look_tells_the_largest_types_and_no_growth() -> None:
    only = look(5.0, small=(100, 10), large=(1, 1000))
    found = grown_types([(only, only)], 10)
    assert [each.type for each in found] == ["large", "small"]
    assert {each.grown_size for each in found} == {each.size_per_minute for each in found} == {None}


def test_a_worker_that_has_just_come_adds_nothing_to_growth() -> None:
    old = look(0.0, Order=(1, 100)), look(60.0, Order=(2, 200))
    fresh = look(60.0, Order=(50, 5000))
    (found,) = grown_types([old, (fresh, fresh)], 10)
    assert (found.count, found.grown_count) == (52, 1)
    assert found.size_per_minute == pytest.approx(100)
    assert grown_types([], 10) == ()
