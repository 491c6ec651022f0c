"""How many pixels a generated picture gets."""

from __future__ import annotations

import math
from collections.abc import Iterator

from leakhunt.workload.payloads.base import Recipe


def dimensions(recipe: Recipe) -> Iterator[tuple[int, int]]:
    """Width and height to try, largest first, about 4:3, down to one block of 8 by 8.

    A picture too small in bytes for `recipe.megapixels` takes the first that fits.
    """
    pixels = recipe.megapixels * 1_000_000
    width = height = 0
    while (width, height) != (8, 8):
        width = max(8, math.isqrt(int(pixels * 4 / 3)) // 8 * 8)
        height = max(8, int(pixels / width) // 8 * 8)
        yield width, height
        pixels /= 2
