from __future__ import annotations

import pytest

from leakhunt.workload.scenario import SizeRange
from leakhunt.workload.sizes import parse_range


def test_a_size_and_a_range_are_read() -> None:
    assert parse_range("100MB..500MB", "video") == SizeRange(100_000_000, 500_000_000)
    assert parse_range("2KiB", "image") == SizeRange(2048, 2048)
    assert parse_range("0", "random") == SizeRange(0, 0)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [("", "random", "no size"), ("1MB..", "random", "no size"), ("2MB..1MB", "random", "backwards")],
)
def test_what_is_no_size_is_refused(text: str, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_range(text, kind)


@pytest.mark.parametrize(
    ("text", "kind", "most"),
    [("1.1TB", "random", 1000), ("99999TB", "video", 1000), ("1TB..2TB", "image", 1000), ("10GB", "document", 9)],
)
def test_a_size_that_nobody_can_send_is_refused(text: str, kind: str, most: int) -> None:
    with pytest.raises(ValueError, match=f"too large: a file of kind {kind} has at most {most} GB"):
        parse_range(text, kind)


def test_a_number_beyond_all_sizes_is_too_large() -> None:
    with pytest.raises(ValueError, match="too large"):
        parse_range("9" * 400, "random")


def test_a_size_that_no_file_of_the_kind_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kind image/png has at least 256 B"):
        parse_range("10B..1MB", "image/png")
