"""Bytes without a format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.padding import padding


def _make(recipe: Recipe) -> Iterator[Chunk]:
    return padding(recipe, recipe.size)


RANDOM: Final = Kind("random", "application/octet-stream", ".bin", 0, _make)
