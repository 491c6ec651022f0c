"""Every kind of file that a workload can upload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.units import Bytes
from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.jpeg import JPEG
from leakhunt.workload.payloads.mp4 import MP4
from leakhunt.workload.payloads.pdf import PDF
from leakhunt.workload.payloads.png import PNG
from leakhunt.workload.payloads.random_bytes import RANDOM

KINDS: Final[tuple[Kind, ...]] = (PNG, JPEG, MP4, PDF, RANDOM)
IMAGE: Final = "image"
"""PNG and JPEG in turns."""
KIND_NAMES: Final = (IMAGE, *(kind.name for kind in KINDS))


@dataclass(frozen=True, slots=True)
class Payload:
    """One generated file, ready to be sent any number of times."""

    kind: Kind
    recipe: Recipe

    @property
    def size(self) -> Bytes:
        """Bytes that `chunks` yields together."""
        return self.recipe.size

    def chunks(self) -> Iterator[Chunk]:
        """The file from its beginning."""
        return self.kind.make(self.recipe)


def kind_for(name: str, recipe: Recipe) -> Kind:
    """The kind called `name`; `image` is a PNG or a JPEG by turns, which of them first is up to the seed.

    Raises:
        KeyError: no kind has that name.
    """
    if name == IMAGE:
        return (PNG, JPEG)[(recipe.seed + recipe.n) % 2]
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise KeyError(name)


def maximum_size(name: str) -> Bytes:
    """Largest file of the kind called `name` (one of `KIND_NAMES`)."""
    if name == IMAGE:
        return min(PNG.maximum, JPEG.maximum)
    return next(kind.maximum for kind in KINDS if kind.name == name)


def minimum_size(name: str) -> Bytes:
    """Smallest file of the kind called `name` (one of `KIND_NAMES`)."""
    if name == IMAGE:
        return max(PNG.minimum, JPEG.minimum)
    return next(kind.minimum for kind in KINDS if kind.name == name)
