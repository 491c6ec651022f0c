"""Symbols are compared with what the dynamic linker itself says about this very process."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

import pytest

from leakhunt.targets.inject.elf import Image, NotElf, Symbol
from leakhunt.targets.inject.memory import PAGE, Memory, open_memory, read_mappings


@pytest.fixture
def memory() -> Iterator[Memory]:
    with open_memory(os.getpid()) as opened:
        yield opened


def images(memory: Memory) -> Iterator[Image]:
    for mapping in read_mappings(os.getpid()):
        if mapping.offset == 0 and mapping.path.startswith("/"):
            try:
                image = Image(memory, mapping.start)
                image.symbol("none")
            except (NotElf, OSError):
                continue
            yield image


def address_of(name: str) -> int | None:
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value


@pytest.mark.parametrize(
    "name", ["PyGILState_Ensure", "PyRun_SimpleString", "Py_AddPendingCall", "_PyRuntime", "getpid"]
)
def test_a_symbol_is_where_the_linker_finds_it(memory: Memory, name: str) -> None:
    found = [symbol for image in images(memory) if (symbol := image.symbol(name)) is not None]
    assert address_of(name) in {symbol.address for symbol in found}


def test_what_is_not_defined_is_not_found(memory: Memory) -> None:
    assert all(image.symbol("no_such_function_anywhere") is None for image in images(memory))


def test_a_symbol_covers_its_own_bytes() -> None:
    assert Symbol(100, 10).covers(109)
    assert not Symbol(100, 10).covers(110)


def test_slack_is_mapped_as_code_at_the_end_of_a_page(memory: Memory) -> None:
    places = [place for image in images(memory) for place in image.slack(192)]
    assert places
    for place in places:
        mapping = next(each for each in read_mappings(os.getpid()) if each.start <= place < each.end)
        assert "x" in mapping.permissions
        assert place % 16 == 0
        assert place + 192 <= mapping.end
        assert mapping.end - place < PAGE


def test_no_more_slack_is_given_than_there_is(memory: Memory) -> None:
    assert not [place for image in images(memory) for place in image.slack(PAGE)]


@pytest.mark.parametrize("content", [b"\0" * 64, b"\x7fELF\x01" + b"\0" * 59])
def test_what_is_no_64_bit_image_is_refused(memory: Memory, content: bytes) -> None:
    buffer = ctypes.create_string_buffer(content, 64)
    with pytest.raises(NotElf, match="no 64-bit ELF image"):
        Image(memory, ctypes.addressof(buffer))


def test_an_image_without_a_dynamic_segment_has_no_symbols(memory: Memory) -> None:
    header = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 62, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    buffer = ctypes.create_string_buffer(header, 64)
    with pytest.raises(NotElf, match="statically"):
        Image(memory, ctypes.addressof(buffer)).symbol("PyGILState_Ensure")
