"""Sizes and size ranges as people write them: `2MB`, `300KB..2MB`."""

from __future__ import annotations

from leakhunt.units import format_size, parse_size
from leakhunt.workload.payloads.kinds import minimum_size
from leakhunt.workload.scenario import SizeRange


def parse_range(text: str, kind: str) -> SizeRange:
    """The size or range that `text` means for a file of `kind`.

    Raises:
        ValueError: it means none, runs backwards, or is below the smallest file of that kind.
    """
    low, dots, high = text.partition("..")
    start = parse_size(low)
    end = parse_size(high) if dots else start
    if end < start:
        raise ValueError(f"{text!r} runs backwards; write the smaller size first")
    least = minimum_size(kind)
    if start < least:
        raise ValueError(f"a file of kind {kind} has at least {format_size(least)}")
    return SizeRange(start, end)
