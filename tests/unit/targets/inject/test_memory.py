from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from leakhunt.targets.inject.memory import Mapping, mapping_at, open_memory, read_mappings


def test_mappings_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "maps").write_text(
        "55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 131 /srv/my app/python3.11 (deleted)\n"
        "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
        "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n"
    )
    program, nobody, stack = read_mappings(7, tmp_path)
    assert program == Mapping(0x55D0C0A00000, 0x55D0C0A01000, "r--p", 0, "/srv/my app/python3.11 (deleted)")
    assert nobody.path == ""
    assert stack.path == "[stack]"
    assert mapping_at((program, nobody, stack), 0x7F0000020FFF) == nobody
    assert mapping_at((program, nobody, stack), 0x7F0000021000) is None


def test_memory_is_read_and_written_in_place() -> None:
    buffer = ctypes.create_string_buffer(b"before", 16)
    with open_memory(os.getpid()) as memory:
        assert memory.read(ctypes.addressof(buffer), 6) == b"before"
        memory.write(ctypes.addressof(buffer), b"after!")
    assert buffer.value == b"after!"


def test_where_nothing_is_mapped_nothing_is_read() -> None:
    with open_memory(os.getpid()) as memory, pytest.raises(OSError, match="Input/output error"):
        memory.read(0x1000, 8)
