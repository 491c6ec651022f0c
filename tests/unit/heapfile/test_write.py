"""What becomes of a heap file that is not finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import RunFileError
from leakhunt.heapfile.write import HeapWriter


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    with HeapWriter(tmp_path / "a.heap") as writer:
        writer.take(b"TABL{}")
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_was_sent_before_a_new_beginning_is_void(tmp_path: Path) -> None:
    with HeapWriter(tmp_path / "a.heap") as writer:
        (started,) = tmp_path.iterdir()
        length = started.stat().st_size
        writer.take(b"TABL" + b'{"x": 1}' * 1)
        writer.begin()
        writer.begin()
        (started,) = tmp_path.iterdir()
        assert started.stat().st_size <= length


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="cannot be written: No such file"):
        HeapWriter(tmp_path / "none" / "a.heap").__enter__()


@pytest.mark.parametrize(
    "piece", [b"OBJS\xff\xff\xff\x00\x01\x00\x00\x00", b"TABL{", b"TEXT\x05\x00\x00\x00\x00\x00\x00\x00"]
)
def test_what_makes_no_sense_is_refused(piece: bytes, tmp_path: Path) -> None:
    with HeapWriter(tmp_path / "a.heap") as writer, pytest.raises(RunFileError, match="makes no sense"):
        writer.take(piece)
