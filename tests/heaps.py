"""Heaps to look at: of a program that runs under any Python, and built by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from leakhunt.heapfile.read import read_heap
from leakhunt.heapfile.write import HeapWriter
from leakhunt.model.heap import Family, HeapGraph, HeapOrigin, HeapRoot, HeapType, Texts
from unit.agent.probes.inside import run_inside

_SEND: Final = """
import struct
from leakhunt.agent.probes.graph import graph
def take(path, **options):
    here = scene()
    with open(path, "wb") as file:
        def send(*parts):
            file.write(struct.pack("<I", sum(memoryview(part).nbytes for part in parts)))
            for part in parts:
                file.write(part)
        here.send = send
        return graph(options, here)
"""
ORIGIN: Final = HeapOrigin(4711, "3.11.7", "gunicorn shop:app", "2026-01-02T03:04:05+00:00", rss=50 << 20)


def take_heap(python: Path, program: str, directory: Path, **options: object) -> tuple[HeapGraph, Any]:
    """The heap that `program` has at its end, and what it left in `told`."""
    sent, path = directory / "sent", directory / "a.heap"
    script = f"told = None\n{_SEND}{program}\nprint(json.dumps([take(given[0], **given[1]), told]))"
    (counts, told) = run_inside(python, script, [str(sent), options])
    write_heap(sent.read_bytes(), path)
    graph = read_heap(path)
    assert (len(graph), len(graph.targets)) == (counts["objects"], counts["references"])
    return graph, told


def write_heap(sent: bytes, path: Path, origin: HeapOrigin = ORIGIN) -> None:
    """A heap file of pieces that a child has sent, each after its length."""
    with HeapWriter(path) as writer:
        offset = 0
        while offset < len(sent):
            (length,) = struct.unpack_from("<I", sent, offset)
            writer.take(sent[offset + 4 : offset + 4 + length])
            offset += 4 + length
        writer.finish(origin)


def objects_of(graph: HeapGraph, type_name: str) -> list[int]:
    """Numbers of the objects of a type."""
    kinds = [number for number, kind in enumerate(graph.types) if kind.name == type_name]
    found: list[int] = np.flatnonzero(np.isin(graph.kinds, kinds)).tolist()
    return found


def built(
    objects: Mapping[str, tuple[str, int, Sequence[str]]],
    roots: Sequence[str],
    *,
    names: Mapping[str, Sequence[str]] | None = None,
    counts: Mapping[str, int] | None = None,
    texts: Mapping[str, str] | None = None,
    origin: HeapOrigin = ORIGIN,
) -> HeapGraph:
    """A graph by hand: type, size and references of each object; `roots` are modules, `names` those of references.

    References are counted as they are, unless `counts` has another number.
    """
    numbers = {name: number for number, name in enumerate(objects)}
    kinds = list(dict.fromkeys(kind for kind, _, _ in objects.values()))
    layouts = list(dict.fromkeys([(), *(tuple(each) for each in (names or {}).values())]))
    held = [[numbers[each] for each in references] for _, _, references in objects.values()]
    given = np.bincount([each for references in held for each in references], minlength=len(objects))
    for name in roots:
        given[numbers[name]] += 1
    for name, number in (counts or {}).items():
        given[numbers[name]] = number
    marks = [
        len(held[numbers[name]]) // 2 if kind == "dict" else layouts.index(tuple((names or {}).get(name, ())))
        for name, (kind, _, _) in objects.items()
    ]
    told = {numbers[name]: text.encode() for name, text in (texts or {}).items()}
    return HeapGraph(
        origin=origin,
        types=tuple(HeapType(kind, _family(kind), 0) for kind in kinds),
        addresses=np.arange(len(objects), dtype=np.uint64) * np.uint64(64) + np.uint64(0x7F0000000000),
        kinds=np.array([kinds.index(kind) for kind, _, _ in objects.values()], dtype=np.int32),
        sizes=np.array([size for _, size, _ in objects.values()], dtype=np.int64),
        counts=given.astype(np.int64),
        marks=np.array(marks, dtype=np.int32),
        starts=np.cumsum([0, *map(len, held)], dtype=np.int64),
        targets=np.array([each for references in held for each in references], dtype=np.int32),
        layouts=tuple(layouts),
        roots=tuple(HeapRoot("module", name, numbers[name]) for name in roots),
        texts=Texts(
            np.array(sorted(told), dtype=np.int32),
            np.cumsum([len(told[number]) for number in sorted(told)], dtype=np.int64),
            b"".join(told[number] for number in sorted(told)),
        ),
    )


def _family(kind: str) -> Family:
    families = {"dict": Family.MAPPING, "list": Family.SEQUENCE, "tuple": Family.SEQUENCE, "str": Family.STRING}
    families |= {"module": Family.MODULE, "type": Family.CLASS, "function": Family.FUNCTION, "cell": Family.CELL}
    return families.get(kind, Family.INSTANCE if "." in kind else Family.OTHER)
