"""Delta debugging: the smallest part of a list that still has an effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

_Item = TypeVar("_Item")


def ddmin(items: Sequence[_Item], shows: Callable[[Sequence[_Item]], bool]) -> list[_Item]:
    """A part of `items`, in order, that still shows the effect and of which no single item can be spared.

    All of `items` must show it. The algorithm is `ddmin` of Zeller and Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", IEEE Transactions on Software Engineering 28 (2002), section 3.2, but that it asks first
    whether none of the items is needed, which the paper takes for impossible. `shows` is asked n² + 3n + 1 times at
    most, and about 2 log n times where one item is to blame.
    """
    if not items or shows([]):
        return []
    left, parts = list(items), 2
    while len(left) >= 2:
        chunks = _split(left, parts)
        alone = next((chunk for chunk in chunks if shows(chunk)), None)
        if alone is not None:
            left, parts = alone, 2
            continue
        # With two chunks, either is what the other leaves.
        without = (_all_but(chunks, number) for number in range(len(chunks))) if parts > 2 else iter(())
        rest = next((some for some in without if shows(some)), None)
        if rest is not None:
            left, parts = rest, max(parts - 1, 2)
        elif parts < len(left):
            parts = min(2 * parts, len(left))
        else:
            break
    return left


def _split(items: Sequence[_Item], parts: int) -> list[list[_Item]]:
    """So many chunks of as equal a size as can be, none of them empty."""
    ends = [len(items) * part // parts for part in range(parts + 1)]
    return [list(items[start:end]) for start, end in pairwise(ends)]


def _all_but(chunks: Sequence[Sequence[_Item]], number: int) -> list[_Item]:
    return [item for other, chunk in enumerate(chunks) if other != number for item in chunk]
