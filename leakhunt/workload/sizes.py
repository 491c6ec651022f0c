"""Sizes and size ranges as people write them: `2MB`, `300KB..2MB`."""

from __future__ import annotations

from leakhunt.units import Bytes, format_size, parse_size
from leakhunt.workload.payloads.base import LARGEST
from leakhunt.workload.payloads.kinds import maximum_size, minimum_size
from leakhunt.workload.scenario import SizeRange


def parse_range(text: str, kind: str) -> SizeRange:
    """The size or range that `text` means for a file of `kind`.

    Raises:
        ValueError: it means none, runs backwards, or is not between the smallest and the largest file of that kind.
    """
    low, dots, high = text.partition("..")
    start = _size(low)
    end = _size(high) if dots else start
    if end < start:
        raise ValueError(f"{text!r} runs backwards; write the smaller size first")
    least = minimum_size(kind)
    if start < least:
        raise ValueError(f"a file of kind {kind} has at least {format_size(least)}")
    most = maximum_size(kind)
    if end > most:
        raise ValueError(f"{text[:24]!r} is too large: a file of kind {kind} has at most {most // 10**9} GB")
    return SizeRange(start, end)


def _size(text: str) -> Bytes:
    try:
        return parse_size(text)
    except OverflowError:  # more digits than a float has room for
        return LARGEST + 1
