"""Which blocks of malloc's belong to Python's objects, told by the addresses of these."""

from __future__ import annotations

import ctypes
import gc
from itertools import compress, filterfalse
from typing import Dict

from leakhunt.agent.probes.mappings import ARENA, PAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene
    from leakhunt.agent.probes.mappings import Heap

_BATCH = 1000
_SMALL = 512
"""Bytes up to which pymalloc serves a block."""
_COLLECTED = 1 << 14
"""Flag of types whose objects the collector knows."""
_OBJECT = object.__basicsize__
"""Count of references and type; free-threaded interpreters keep more in every object, and no list of them all."""
_HEADER = 16 if _OBJECT == 16 else 0
"""What stands before such an object for the collector."""
_WITH_TABLE = (list, dict, set, frozenset, bytearray)
_SIZED = (*_WITH_TABLE, str, bytes, int, tuple, type)


class Owned:
    """Addresses of blocks that belong to Python's objects."""

    def __init__(self, heaps: list[Heap], *, small: bool) -> None:
        self.small = small
        """Whether malloc serves small blocks, too."""
        self.in_heaps = self.elsewhere = 0
        """Bytes of those in these heaps, and of all others that pymalloc does not serve, as their types tell."""
        self.mapped: set[int] = set()
        """Those that begin as a block does that malloc has mapped by itself."""
        self._heaps: dict[int, list[Heap]] = {}
        for heap in heaps:
            for granule in range(heap.start // ARENA, (heap.end - 1) // ARENA + 1):
                self._heaps.setdefault(granule, []).append(heap)

    def add(self, address: int) -> bool:
        """Whether it lies in one of the heaps."""
        for heap in self._heaps.get(address // ARENA, ()):
            if heap.start <= address < heap.end:
                heap.marks[(address - heap.start) // 16] = 1
                return True
        if address % PAGE == 16:
            self.mapped.add(address)
        return False

    def weigh(self, size: int, *, in_heap: bool) -> None:
        """Count the bytes of one."""
        if in_heap:
            self.in_heaps += size
        else:
            self.elsewhere += size


def collect_owned(scene: Scene, owned: Owned) -> None:
    """Blocks of everything that the collector knows, and of what only these objects refer to."""
    kinds = Kinds(small=owned.small, leaf=False)
    untracked = Kinds(small=owned.small, leaf=True)
    seen: set[int] = set()
    for start in range(0, len(scene.tracked), _BATCH):
        scene.check()
        batch = scene.tracked[start : start + _BATCH]
        for thing in compress(batch, map(kinds.__getitem__, map(type, batch))):
            _own(thing, owned)
        while batch:
            batch = _untracked(batch, owned, kinds, untracked, seen)


class Kinds(Dict[type, bool]):
    """Whether objects of a type are worth a look: those that own a block of malloc's or refer to one that does."""

    def __init__(self, *, small: bool, leaf: bool) -> None:
        super().__init__()
        if leaf and not small:
            # A number of more than 400 digits is rare, and there are many of the others.
            self.update(dict.fromkeys((int, float, bool, complex, type(None), type(Ellipsis)), False))
        self._all = small or leaf

    def __missing__(self, kind: type) -> bool:
        may = kind.__basicsize__ > _SMALL or kind.__itemsize__ > 0 or issubclass(kind, _WITH_TABLE)
        self[kind] = self._all or may
        return self[kind]


def _untracked(holders: list[Any], owned: Owned, kinds: Kinds, untracked: Kinds, seen: set[int]) -> list[Any]:
    """Take what these refer to and the collector does not know; those that may refer to more come back."""
    referents = gc.get_referents(*holders)
    known = filterfalse(gc.is_tracked, compress(referents, map(untracked.__getitem__, map(type, referents))))
    once = {id(thing): thing for thing in known}
    deeper = []
    for address, thing in once.items():
        kind = type(thing)
        if kind is str or kind is bytes:
            if owned.small or len(thing) > _SMALL - 80:
                _own(thing, owned)
        elif address not in seen:
            if owned.small or kinds[kind]:
                _own(thing, owned)
            if kind is not bytearray and kind is not int:
                seen.add(address)
                deeper.append(thing)
    return deeper


def _own(thing: Any, owned: Owned) -> None:
    """Where the object begins nobody tells: the collector's part, and what 3.11 put before it, stand in front."""
    size = _size(thing)
    if not owned.small and size <= _SMALL - 32:
        return
    address = id(thing)
    in_heap = owned.add(address)
    owned.add(address - 16)
    owned.add(address - 32)
    pointer = _table_of(type(thing))
    if pointer is not None:
        owned.add(ctypes.c_size_t.from_address(address + pointer).value)
    if owned.small or size > _SMALL:
        collected = type(thing).__flags__ & _COLLECTED
        owned.weigh(size + (_HEADER if collected else 0), in_heap=in_heap)


def _size(thing: Any) -> int:
    """As its type tells, with no method of the target's: nor does a proxy speak for what it stands for."""
    for kind in _SIZED:
        if issubclass(type(thing), kind):
            return int(kind.__sizeof__(thing))
    return object.__sizeof__(thing)


def _table_of(kind: type) -> int | None:
    """Where in an object of this type stands the address of the table that it keeps apart."""
    if issubclass(kind, list):
        return _OBJECT + 8
    if issubclass(kind, (dict, bytearray)):
        return _OBJECT + 16
    return _OBJECT + 24 if issubclass(kind, (set, frozenset)) else None
