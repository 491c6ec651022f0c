"""Sections, and files that are none, cut off, damaged or from the future."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from heaps import ORIGIN, built, write_heap
from leakhunt.errors import RunFileError
from leakhunt.heapfile import columns
from leakhunt.heapfile.read import read_heap
from leakhunt.heapfile.sections import END, MAGIC, SAMPLES, SITES, read_section, sections, write_section, write_start
from leakhunt.model.snapshot import Frame

ADDRESSES = np.array([0x7F0000000000, 0x7F0000000040], dtype="<u8")


def sent(kind: int = 1, degree: int = 1, mark: int = 0) -> bytes:
    """Two objects, the first of which refers to the second; `kind` is of the second, the rest of the first."""
    tables = {"types": [["list", 2, 1], ["str", 11, 2]], "layouts": [[]], "roots": [["module", "m", int(ADDRESSES[0])]]}
    columns_sent = [
        ADDRESSES,
        np.array([0, kind], "<u4"),
        np.array([64, 50], "<u8"),
        np.array([3, 4], "<i8"),
        np.array([degree, 0], "<u4"),
        np.array([mark, 0], "<u4"),
        ADDRESSES[1:],
    ]
    pieces = [
        b"OBJS" + struct.pack("<II", 2, 1) + b"".join(column.tobytes() for column in columns_sent),
        b"TEXT" + struct.pack("<II", 1, 4) + ADDRESSES[1:].tobytes() + struct.pack("<I", 4) + b"name",
        b"TABL" + json.dumps({**tables, "probe": 0}).encode(),
    ]
    return b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces)


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    path = tmp_path / "a.heap"
    write_heap(sent(), path)
    return path


def test_a_file_is_read_as_it_was_written_and_nobody_else_may_read_it(heap: Path) -> None:
    graph = read_heap(heap)
    assert (len(graph), graph.sizes.tolist(), graph.counts.tolist(), graph.held(0).tolist()) == (
        2,
        [64, 50],
        [3, 4],
        [1],
    )
    assert (graph.texts.get(1), graph.texts.get(0), graph.origin) == ("name", None, ORIGIN)
    assert [(root.kind, root.name, root.object) for root in graph.roots] == [("module", "m", 0)]
    assert heap.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in heap.parent.iterdir()] == ["a.heap"]


def test_sections_that_a_later_version_adds_are_passed_over_and_samples_are_joined(heap: Path) -> None:
    data = heap.read_bytes()
    more = io.BytesIO()
    write_section(more, b"NEW!", b"x" * 100)
    write_section(more, SITES, json.dumps([[["views.py", 42, "upload"]]]).encode())
    # Two blocks that are objects, one of them behind what stands before it, and one that is none.
    sampled = np.array([ADDRESSES[0] - np.uint64(16), ADDRESSES[1], 0x5500], dtype=np.uint64)
    packed = columns.pack(sampled, differences=True) + columns.pack(np.array([0, 0, 0]))
    write_section(more, SAMPLES, packed + columns.pack(np.array([700, 800, 900])))
    heap.write_bytes(data[:12] + more.getvalue() + data[12:])
    graph = read_heap(heap)
    assert graph.sites == ((Frame("views.py", 42, "upload"),),)
    assert graph.sampled == {0: (0, 700), 1: (0, 800)}


def test_what_is_no_heap_file_is_said_to_be_none(tmp_path: Path) -> None:
    other = tmp_path / "b"
    other.write_bytes(b"SQLite format 3\0")
    with pytest.raises(RunFileError, match="is no heap file"):
        read_heap(other)
    with pytest.raises(RunFileError, match="cannot be read"):
        read_heap(tmp_path / "c")


def test_a_file_of_a_later_version_is_left_to_a_later_leakhunt(heap: Path) -> None:
    heap.write_bytes(MAGIC + struct.pack("<HH", 99, 0) + heap.read_bytes()[12:])
    with pytest.raises(RunFileError, match="version 99"):
        read_heap(heap)


def test_wherever_a_file_is_cut_off_or_changed_it_is_not_taken_for_a_heap(heap: Path) -> None:
    data = heap.read_bytes()
    for cut in range(0, len(data), 7):
        heap.write_bytes(data[:cut])
        with pytest.raises(RunFileError):
            read_heap(heap)
    graph = built({"a": ("list", 1, ())}, ["a"])
    assert len(graph) == 1
    places = list(sections(io.BytesIO(data[12:]), "x"))
    assert places[-1][0] == END
    for _, position, length in places[:-1]:
        heap.write_bytes(data[: 12 + position] + bytes([data[12 + position] ^ 1]) + data[12 + position + 1 :])
        with pytest.raises(RunFileError, match="damaged"):
            read_heap(heap)
        assert length


@pytest.mark.parametrize(
    "wrong", [{"kind": 2}, {"kind": 1 << 31}, {"degree": 5}, {"degree": 0}, {"mark": 1}, {"mark": 0xFFFFFFFF}]
)
def test_columns_that_point_to_what_is_not_there_are_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "a.heap"
    write_heap(sent(**wrong), path)
    with pytest.raises(RunFileError, match="damaged"):
        read_heap(path)


def test_a_section_is_read_back_where_it_was_found() -> None:
    file = io.BytesIO()
    write_start(file)
    write_section(file, b"ABCD", b"one")
    write_section(file, END, b"{}")
    file.seek(12)
    found = list(sections(file, "x"))
    assert [(tag, read_section(file, position, length, "x")) for tag, position, length in found] == [
        (b"ABCD", b"one"),
        (END, b"{}"),
    ]
