"""Reads a heap file into a graph. Twice over it: first what there is, then what refers to what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from leakhunt.errors import RunFileError
from leakhunt.heapfile import columns
from leakhunt.heapfile.places import Places
from leakhunt.heapfile.sections import (
    END,
    OBJECTS,
    ORIGIN,
    SAMPLES,
    SITES,
    TABLES,
    TEXTS,
    read_section,
    read_start,
    sections,
)
from leakhunt.model.heap import UNKNOWN, Column, Family, HeapGraph, HeapOrigin, HeapRoot, HeapType, Texts
from leakhunt.model.snapshot import Frame
from leakhunt.units import Bytes

_BEFORE: Final = (0, 16, 32)
"""Bytes that may stand before an object in its block."""
_KNOWN: Final = frozenset({END, OBJECTS, ORIGIN, SAMPLES, SITES, TABLES, TEXTS})


def read_heap(path: Path) -> HeapGraph:
    """The graph in a file; raises RunFileError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return _Reader(file, str(path)).read()
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise RunFileError(f"{path} is too large for the memory of this machine") from error
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise RunFileError(f"{path} is damaged: {error!r}") from error


class _Reader:
    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._places: dict[bytes, list[tuple[int, int]]] = {}

    def read(self) -> HeapGraph:
        read_start(self._file, self._name)
        for tag, position, length in sections(self._file, self._name):
            if tag in _KNOWN:
                self._places.setdefault(tag, []).append((position, length))
        self._json(END)
        tables, origin = self._json(TABLES), self._json(ORIGIN)
        addresses, kinds, sizes, counts, degrees, marks = self._objects()
        places = Places(addresses)
        types = tuple(HeapType(str(name), _family(family), int(address)) for name, family, address in tables["types"])
        starts = np.zeros(len(addresses) + 1, dtype=np.int64)
        np.cumsum(degrees, out=starts[1:])
        layouts = tuple(tuple(map(str, names)) for names in tables["layouts"])
        self._check(kinds, degrees, marks, types, layouts)
        probe = int(places.find(np.array([tables["probe"]], dtype=np.uint64))[0])
        sites, sampled = self._sampled(places)
        return HeapGraph(
            origin=HeapOrigin(**{**origin, "problems": tuple(origin["problems"])}),
            types=types,
            addresses=addresses,
            kinds=kinds,
            sizes=sizes,
            counts=counts - (counts[probe] if probe != UNKNOWN else 0),
            marks=marks,
            starts=starts,
            targets=self._targets(places, kinds, degrees, types),
            layouts=layouts,
            roots=tuple(_roots(tables["roots"], places)),
            texts=self._texts(places),
            sites=sites,
            sampled=sampled,
        )

    def _json(self, tag: bytes) -> Mapping[str, Any]:
        if tag not in self._places:
            raise RunFileError(f"{self._name} is damaged: it has no section {tag.decode('latin-1').strip()}")
        table: Mapping[str, Any] = json.loads(self._body(*self._places[tag][-1]))
        return table

    def _body(self, position: int, length: int) -> bytes:
        return read_section(self._file, position, length, self._name)

    def _bodies(self, tag: bytes) -> Iterator[bytes]:
        for position, length in self._places.get(tag, ()):
            yield self._body(position, length)

    def _objects(self) -> tuple[Column, Column, Column, Column, Column, Column]:
        dtypes = (np.uint64, np.int32, np.int64, np.int64, np.int32, np.int32)
        parts: list[list[Column]] = [[] for _ in dtypes]
        for body in self._bodies(OBJECTS):
            offset = 0
            for part, dtype in zip(parts, dtypes, strict=True):
                values, offset = columns.unpack(body, offset)
                part.append(values.astype(dtype))
        joined = []
        for part, dtype in zip(parts, dtypes, strict=True):
            joined.append(np.concatenate(part) if part else np.zeros(0, dtype=dtype))
            part.clear()
        if len({len(column) for column in joined}) != 1:
            raise RunFileError(f"{self._name} is damaged: its columns have different lengths")
        return joined[0], joined[1], joined[2], joined[3], joined[4], joined[5]

    def _targets(self, places: Places, kinds: Column, degrees: Column, types: tuple[HeapType, ...]) -> Column:
        """Chunk by chunk; each is freed before the next is read."""
        classes = places.find(np.array([each.address for each in types], dtype=np.uint64))
        targets = np.empty(int(degrees.sum()), dtype=np.int32)
        row = at = 0
        for body in self._bodies(OBJECTS):
            number = columns.unpack(body, 0)[0].size
            offset = 0
            for _ in range(6):
                offset = columns.skip(body, offset)
            found = places.find(columns.unpack(body, offset)[0].astype(np.uint64))
            own = np.repeat(classes[kinds[row : row + number]], degrees[row : row + number])
            targets[at : at + len(found)] = np.where((found == own) & (found >= 0), -2 - found, found)
            row, at = row + number, at + len(found)
        if at != len(targets):
            raise RunFileError(f"{self._name} is damaged: it has not as many references as its objects say")
        return targets

    def _check(
        self,
        kinds: Column,
        degrees: Column,
        marks: Column,
        types: tuple[HeapType, ...],
        layouts: tuple[tuple[str, ...], ...],
    ) -> None:
        """Whether whatever the columns point to is there, so that nobody has to ask again."""
        if not len(kinds):
            raise RunFileError(f"{self._name} is damaged: it has no objects")
        if min(int(kinds.min()), int(degrees.min()), int(marks.min())) < 0 or int(kinds.max()) >= len(types):
            raise RunFileError(f"{self._name} is damaged: an object has no type, or less than no references")
        mapping = np.array([each.family is Family.MAPPING for each in types], dtype=bool)[kinds]
        most = np.where(mapping, degrees // 2, len(layouts) - 1)
        if (marks > most).any():
            raise RunFileError(f"{self._name} is damaged: an object has more names than there are")

    def _texts(self, places: Places) -> Texts:
        objects, lengths, texts = [], [], []
        for body in self._bodies(TEXTS):
            addresses, offset = columns.unpack(body, 0)
            sizes, offset = columns.unpack(body, offset)
            objects.append(places.find(addresses.astype(np.uint64)))
            lengths.append(sizes)
            texts.append(columns.unpack(body, offset)[0].astype(np.uint8))
        if not objects:
            return Texts(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), b"")
        return _ordered(np.concatenate(objects), np.concatenate(lengths), np.concatenate(texts))

    def _sampled(self, places: Places) -> tuple[tuple[tuple[Frame, ...], ...], Mapping[int, tuple[int, Bytes]]]:
        """Where leakhunt's sampler saw objects allocated.

        An object begins where its block does, or behind what stands before it for the collector and for attributes. Of
        blocks that are tables of objects nothing is told.
        """
        stacks = [stack for body in self._bodies(SITES) for stack in json.loads(body)]
        sites = tuple(
            tuple(Frame(str(file), int(line), str(function)) for file, line, function in stack) for stack in stacks
        )
        sampled: dict[int, tuple[int, Bytes]] = {}
        for body in self._bodies(SAMPLES):
            addresses, offset = columns.unpack(body, 0)
            numbers, offset = columns.unpack(body, offset)
            sizes, _ = columns.unpack(body, offset)
            if len(numbers) and int(numbers.max()) >= len(sites):
                raise RunFileError(f"{self._name} is damaged: a sample has no site")
            for before in _BEFORE:
                found = places.find((addresses + before).astype(np.uint64))
                rows = zip(found.tolist(), numbers.tolist(), sizes.tolist(), strict=True)
                sampled.update({place: (site, size) for place, site, size in rows if place != UNKNOWN})
        return sites, sampled


def _family(number: int) -> Family:
    """Those that a later version knows are others to us."""
    return Family(number) if number in set(Family) else Family.OTHER


def _roots(rows: list[tuple[str, str, int]], places: Places) -> Iterator[HeapRoot]:
    found = places.find(np.array([row[2] for row in rows], dtype=np.uint64))
    for (kind, name, _), number in zip(rows, found, strict=True):
        if number != UNKNOWN:
            yield HeapRoot(str(kind), str(name), int(number))


def _ordered(objects: Column, lengths: Column, text: Column) -> Texts:
    """By object, without those that have none."""
    ends = np.cumsum(lengths)
    order = np.argsort(objects, kind="stable")
    order = order[objects[order] != UNKNOWN]
    data = text.tobytes()
    pieces = zip(ends[order].tolist(), lengths[order].tolist(), strict=True)
    parts = [data[end - length : end] for end, length in pieces]
    return Texts(objects[order], np.cumsum([len(part) for part in parts], dtype=np.int64), b"".join(parts))
