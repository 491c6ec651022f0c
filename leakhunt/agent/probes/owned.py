"""Which blocks of malloc belong to Python's objects: those in which one begins, or keeps its table."""

from __future__ import annotations

import ctypes
import gc
from typing import Dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.probes.layout import Owned

_BATCH = 1000
_SMALL = 512
"""Bytes up to which pymalloc serves a block."""
_WITH_TABLE = (list, dict, set, frozenset, bytearray)
_SIZED = (*_WITH_TABLE, str, bytes, int, tuple, type)
NoneType = type(None)


def collect_owned(tracked: list[Any], owned: Owned) -> None:
    """Blocks of everything that the collector knows, and of what only these objects refer to."""
    kinds = Kinds(small=owned.small)
    seen: set[int] = set()
    for start in range(0, len(tracked), _BATCH):
        batch = tracked[start : start + _BATCH]
        for thing in batch:
            if kinds[type(thing)]:
                _own(thing, owned)
        waiting = _untracked(batch, owned, kinds, seen)
        while waiting:
            waiting = _untracked(waiting, owned, kinds, seen)


class Kinds(Dict[type, bool]):
    """Whether objects of a type may own a block of malloc's: without pymalloc every object is one."""

    def __init__(self, *, small: bool) -> None:
        super().__init__()
        self.small = small

    def __missing__(self, kind: type) -> bool:
        may = self.small or kind.__basicsize__ > _SMALL or kind.__itemsize__ > 0 or issubclass(kind, _WITH_TABLE)
        # A number of more than 400 digits is rare, and there are many of the others.
        self[kind] = may and (self.small or kind is not int)
        return self[kind]


def _untracked(holders: list[Any], owned: Owned, kinds: Kinds, seen: set[int]) -> list[Any]:
    """Take what these refer to and the collector does not know; those that may refer to more come back."""
    deeper = []
    for thing in gc.get_referents(*holders):
        kind = type(thing)
        if kind is str or kind is bytes:
            if owned.small or len(thing) > _SMALL - 40:
                _own(thing, owned)
        elif kind is int or kind is float or kind is NoneType or kind is bool:
            if owned.small:
                _own(thing, owned)
        elif not gc.is_tracked(thing) and id(thing) not in seen:
            if kinds[kind]:
                _own(thing, owned)
            if not issubclass(type(thing), bytearray):
                seen.add(id(thing))
                deeper.append(thing)
    return deeper


def _own(thing: Any, owned: Owned) -> None:
    """Where the object begins nobody tells: the collector's part, and what 3.11 put before it, stand in front."""
    size = _size(thing)
    if not owned.small and size <= _SMALL - 32:
        return
    address = id(thing)
    owned.add(address)
    owned.add(address - 16)
    owned.add(address - 32)
    pointer = _table_of(thing)
    if pointer is not None:
        owned.add(ctypes.c_size_t.from_address(address + pointer).value)
    if size > _SMALL:
        owned.size += size


def _size(thing: Any) -> int:
    """As its type tells, with no method of the target's."""
    for kind in _SIZED:
        if issubclass(type(thing), kind):
            return int(kind.__sizeof__(thing))
    return object.__sizeof__(thing)


def _table_of(thing: Any) -> int | None:
    """Where in the object stands the address of the table that it keeps apart."""
    if issubclass(type(thing), list):
        return 24
    if issubclass(type(thing), (dict, bytearray)):
        return 32
    if issubclass(type(thing), (set, frozenset)):
        return 40
    return None
