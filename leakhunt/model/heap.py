"""The heap of one process as a graph, as a snapshot child has seen it: millions of rows, so columns are numpy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from leakhunt.model.snapshot import Frame
from leakhunt.units import Bytes, Seconds

Column: TypeAlias = npt.NDArray[Any]

UNKNOWN = -1
"""In `targets`: something that is no object of the graph, such as what the child itself has made."""


class Family(IntEnum):
    """What objects of a type are to whoever names their references."""

    OTHER = 0
    MAPPING = 1
    SEQUENCE = 2
    INSTANCE = 3
    MODULE = 4
    CLASS = 5
    FUNCTION = 6
    CODE = 7
    FRAME = 8
    CELL = 9
    METHOD = 10
    STRING = 11
    GREENLET = 12
    OWN = 13
    """Leakhunt's agent"""


@dataclass(frozen=True, slots=True)
class HeapType:
    """One type of the heap."""

    name: str
    family: Family
    address: int
    """Of the class itself."""


@dataclass(frozen=True, slots=True)
class HeapRoot:
    """Where the graph is entered."""

    kind: str
    """`module`, `thread`, or `own` for what belongs to leakhunt's agent."""
    name: str
    """Of the module, or `thread: function` of a frame."""
    object: int


@dataclass(frozen=True, slots=True)
class HeapOrigin:
    """Where and when a heap was read, and what that cost."""

    pid: int
    python: str
    command: str
    at: str
    """ISO 8601, UTC."""
    rss: Bytes | None = None
    pause: Seconds | None = None
    """For which the app stood still."""
    duration: Seconds | None = None
    copied: Bytes | None = None
    """What the child has copied of the process' memory, and taken, at the most."""
    keys: bool = False
    """Short keys of dictionaries are told."""
    problems: tuple[str, ...] = ()


class Texts:
    """Names of some objects, by object."""

    def __init__(self, objects: Column, ends: Column, data: bytes) -> None:
        """`objects` ascends; `ends` are where their names end in `data`, which is UTF-8."""
        self._objects = objects
        self._ends = ends
        self._data = data

    def get(self, number: int) -> str | None:
        """The name of an object, if it has one."""
        place = int(np.searchsorted(self._objects, number))
        if place == len(self._objects) or self._objects[place] != number:
            return None
        start = int(self._ends[place - 1]) if place else 0
        return self._data[start : int(self._ends[place])].decode("utf-8", "replace")

    def ranks(self, numbers: Column) -> Column:
        """For each object the how manieth of those with a name it is; -1 where it has none."""
        if not len(self._objects):
            return np.full(len(numbers), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._objects, numbers), len(self._objects) - 1)
        return np.where(self._objects[places] == numbers, places, -1)

    def at(self, rank: int) -> str:
        """The name of the so manieth object that has one."""
        return str(self.get(int(self._objects[rank])))

    def __len__(self) -> int:
        return len(self._objects)


@dataclass(frozen=True, slots=True, eq=False)
class HeapGraph:
    """Objects are numbered in the order in which they were met. Nothing here is judged."""

    origin: HeapOrigin
    types: tuple[HeapType, ...]
    addresses: Column
    """uint64"""
    kinds: Column
    """int32: numbers in `types`"""
    sizes: Column
    """int64: bytes of the objects alone"""
    counts: Column
    """int64: references to each that do not come from the child"""
    marks: Column
    """int32: of mappings the number of entries, of others the number of a list of names in `layouts`"""
    starts: Column
    """int64, one more than objects: where the references of each begin in `targets`"""
    targets: Column
    """int32: the object referred to; `UNKNOWN`; or `-2 - n` where it is n, the class of the object that refers"""
    layouts: tuple[tuple[str, ...], ...]
    roots: tuple[HeapRoot, ...]
    texts: Texts
    sites: tuple[tuple[Frame, ...], ...] = ()
    """Stacks by which sampled objects were allocated, innermost frame first."""
    sampled: Mapping[int, tuple[int, Bytes]] = field(default_factory=dict)
    """Sampled objects: their sites, and the bytes that each of them stands for."""

    def __len__(self) -> int:
        return len(self.sizes)

    def family(self, number: int) -> Family:
        """Of one object."""
        return self.types[int(self.kinds[number])].family

    def type_name(self, number: int) -> str:
        """Of one object."""
        return self.types[int(self.kinds[number])].name

    def held(self, number: int) -> Column:
        """What one object refers to."""
        column: Column = self.targets[self.starts[number] : self.starts[number + 1]]
        return column
