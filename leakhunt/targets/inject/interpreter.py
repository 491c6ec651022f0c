"""The interpreter inside a process: where the functions are that run a text, and where there is room for code."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from leakhunt.targets.inject.elf import Image, NotElf, Symbol
from leakhunt.targets.inject.memory import Mapping, Memory
from leakhunt.targets.inject.processors import here


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Addresses in one process."""

    ensure: Symbol
    """PyGILState_Ensure."""
    run: Symbol
    """PyRun_SimpleString."""
    release: Symbol
    """PyGILState_Release."""
    add: Symbol
    """Py_AddPendingCall."""
    make: Symbol | None
    """Py_MakePendingCalls."""
    runtime: Symbol | None
    """_PyRuntime."""
    code_at: int
    """Room for `Processor.code_size` bytes of code that nothing uses."""


COOKIE: Final = b"xdebugpy"
"""How the state of an interpreter begins from 3.13 on, in which the positions of everything else follow."""
_HEAD: Final = 5 * 8
"""Where the position of the pointer to the first interpreter stands among these."""
_FLAGS: Final = 5 * 4
"""Before 3.13 it begins with flags, the last of which are `core_initialized` and `initialized`."""


class NoRoom(Exception):
    """No executable page of the process has room for a few bytes of code."""


def find_interpreter(memory: Memory, mappings: tuple[Mapping, ...]) -> Interpreter | None:
    """The interpreter, or None if the process exports no C API of Python. Raises NoRoom."""
    images = list(_images(memory, mappings))
    for image in images:
        with suppress(NotElf, OSError):
            ensure, run = image.symbol("PyGILState_Ensure"), image.symbol("PyRun_SimpleString")
            release, add = image.symbol("PyGILState_Release"), image.symbol("Py_AddPendingCall")
            if ensure is None or run is None or release is None or add is None:
                continue
            code_at = _room(memory, [image, *images])
            make, runtime = image.symbol("Py_MakePendingCalls"), image.symbol("_PyRuntime")
            return Interpreter(ensure, run, release, add, make, runtime, code_at)
    return None


def is_started(memory: Memory, runtime: int) -> bool:
    """Whether the interpreter with its state (`_PyRuntime`) there runs; a program may load one and never start it.

    Raises:
        OSError: it cannot be read.
    """
    if memory.read(runtime, len(COOKIE)) != COOKIE:
        return any(memory.read(runtime, _FLAGS))
    (head,) = struct.unpack("<Q", memory.read(runtime + _HEAD, 8))
    return any(memory.read(runtime + head, 8))


def _images(memory: Memory, mappings: tuple[Mapping, ...]) -> Iterable[Image]:
    """What is loaded from files, what is named for Python first."""
    files = (each for each in mappings if each.offset == 0 and each.path.startswith("/"))
    for mapping in sorted(files, key=lambda each: "python" not in each.path.rpartition("/")[2]):
        with suppress(NotElf, OSError):
            yield Image(memory, mapping.start)


def _room(memory: Memory, images: Iterable[Image]) -> int:
    """Room for code where none of ours lies: what another controller has queued there is still to be run."""
    for image in images:
        for place in image.slack(here.code_size):
            if not here.is_ours(memory.read(place, 8)):
                return place
    raise NoRoom
