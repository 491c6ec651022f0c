from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.units import format_duration, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("12B", 12),
        ("300KB", 300_000),
        ("300kb", 300_000),
        ("1.5 MiB", 1_572_864),
        ("  2g ", 2_000_000_000),
        ("1TiB", 2**40),
        ("0", 0),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-3KB", "3 iB", "1.MB", ".5MB", "1e3", "3XB", "1 000", "300KB..2MB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no size; write for example 300KB, 2MB or 1\.5GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (12, "12 B"),
        (12.34, "12.3 B"),
        (1000, "1000 B"),
        (1023, "1023 B"),
        (1023.6, "1.00 KiB"),
        (1024, "1.00 KiB"),
        (42_189, "41.2 KiB"),
        (1023.4 * 2**10, "1023 KiB"),
        (1023.5 * 2**10, "1.00 MiB"),
        (350 * 2**20, "350 MiB"),
        (5000 * 2**30, "5000 GiB"),
        (-42_189, "-41.2 KiB"),
    ],
)
def test_sizes_are_written_to_three_digits(size: float, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(("size", "text"), [(42_189, "+41.2 KiB"), (-12, "-12 B"), (0, "0 B")])
def test_a_difference_carries_its_sign(size: float, text: str) -> None:
    assert format_size(size, signed=True) == text


@given(st.integers(min_value=0, max_value=2**50))
def test_a_written_size_reads_back_to_within_its_last_digit(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.006, abs=0.5)


@given(st.integers(min_value=0, max_value=2**45))
def test_no_size_below_a_tebibyte_needs_more_than_four_digits(size: int) -> None:
    number, _ = format_size(min(size, 2**40 - 2**30)).split()
    assert float(number) < 1024


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.85, "850 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (12.4, "12.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
