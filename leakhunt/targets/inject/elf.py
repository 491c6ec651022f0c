"""Symbols of what a process has loaded, read from its memory.

The tables that the dynamic linker uses (System V ABI, "Dynamic Linking"; the hash table is GNU's) are mapped in every
process and survive `strip`. Reading them there needs no file: none that lies in another mount namespace, and none that
an upgrade has replaced or deleted meanwhile.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.targets.inject.memory import PAGE, Memory

_HEADER: Final = struct.Struct("<4sBBBB8xHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_DYNAMIC: Final = struct.Struct("<qQ")
_LOAD: Final = 1
_DYNAMIC_SEGMENT: Final = 2
_EXECUTABLE: Final = 1
_HASH, _STRINGS, _SYMBOLS, _GNU_HASH = 4, 5, 6, 0x6FFFFEF5
_LARGEST_CHAIN: Final = 10_000
"""Symbols in one bucket: more than any table has, so a longer chain is garbage."""


class NotElf(Exception):
    """What is mapped there is no 64-bit ELF image with symbols."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function or variable at its place in memory."""

    address: int
    size: int

    def covers(self, address: int) -> bool:
        """Whether an address lies inside."""
        return self.address <= address < self.address + self.size


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    flags: int
    start: int
    """As the file names it, before it is moved by the bias."""
    file_size: int
    size: int


class Image:
    """One executable or shared object at its load address. Raises NotElf where there is none, OSError as memory."""

    def __init__(self, memory: Memory, base: int) -> None:
        self._memory = memory
        self._base = base
        fields = _HEADER.unpack(memory.read(base, _HEADER.size))
        if fields[0] != b"\x7fELF" or fields[1] != 2:
            raise NotElf(f"no 64-bit ELF image at {base:#x}")
        self.machine: int = fields[6]
        """As in `e_machine`: 62 is x86-64, 183 is aarch64."""
        self._segments = tuple(self._read_segments(fields[9], fields[14]))
        first = min((each.start for each in self._segments if each.kind == _LOAD), default=0)
        self._bias = base - (first & -PAGE)
        self._tables: dict[int, int] | None = None

    def symbol(self, name: str) -> Symbol | None:
        """A symbol that this image defines and exports."""
        tables = self._dynamic()
        if _SYMBOLS not in tables or _STRINGS not in tables:
            raise NotElf(f"the image at {self._base:#x} has no symbols")
        wanted = name.encode()
        indices = self._by_gnu_hash(tables[_GNU_HASH], wanted) if _GNU_HASH in tables else self._all(tables)
        for index in indices:
            entry = self._memory.read(tables[_SYMBOLS] + index * _SYMBOL.size, _SYMBOL.size)
            name_at, _, _, section, value, size = _SYMBOL.unpack(entry)
            if section and self._memory.read(tables[_STRINGS] + name_at, len(wanted) + 1) == wanted + b"\0":
                return Symbol(self._bias + value, size)
        return None

    def slack(self, size: int) -> Iterator[int]:
        """Addresses of so many bytes each that are mapped as code and belong to nothing.

        A segment is mapped in whole pages: what follows its last byte in the last page is there by chance, and no
        instruction refers to it.
        """
        for segment in self._segments:
            if segment.kind == _LOAD and segment.flags & _EXECUTABLE and segment.file_size == segment.size:
                end = self._bias + segment.start + segment.size
                yield from range((end + 15) & -16, ((end + PAGE - 1) & -PAGE) - size + 1, size)

    def _read_segments(self, offset: int, count: int) -> Iterable[_Segment]:
        table = self._memory.read(self._base + offset, count * _SEGMENT.size)
        for kind, flags, _, start, _, file_size, size, _ in _SEGMENT.iter_unpack(table):
            yield _Segment(kind, flags, start, file_size, size)

    def _dynamic(self) -> dict[int, int]:
        if self._tables is None:
            segment = next((each for each in self._segments if each.kind == _DYNAMIC_SEGMENT), None)
            if segment is None:
                raise NotElf(f"the image at {self._base:#x} is linked statically")
            table = self._memory.read(self._bias + segment.start, segment.size // _DYNAMIC.size * _DYNAMIC.size)
            self._tables = {}
            for tag, value in _DYNAMIC.iter_unpack(table):
                if tag == 0:
                    break
                # glibc's linker has moved the pointers in here already, others leave them as they are in the file.
                self._tables[tag] = value if value >= self._base else value + self._bias
        return self._tables

    def _by_gnu_hash(self, table: int, name: bytes) -> Iterable[int]:
        buckets, first, bloom, _ = struct.unpack("<4I", self._memory.read(table, 16))
        if buckets == 0:
            return
        hashed = 5381
        for byte in name:
            hashed = (hashed * 33 + byte) & 0xFFFFFFFF
        at = table + 16 + bloom * 8
        (start,) = struct.unpack("<I", self._memory.read(at + hashed % buckets * 4, 4))
        if start < first:
            return
        chains = at + buckets * 4
        for index in range(start, start + _LARGEST_CHAIN):
            (here,) = struct.unpack("<I", self._memory.read(chains + (index - first) * 4, 4))
            if here | 1 == hashed | 1:
                yield index
            if here & 1:
                return

    def _all(self, tables: dict[int, int]) -> Iterable[int]:
        if _HASH not in tables:
            return ()
        _, count = struct.unpack("<2I", self._memory.read(tables[_HASH], 8))
        return range(count)
