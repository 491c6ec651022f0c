"""The memory of another process: where what is mapped, and the bytes there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of `/proc/PID/maps`."""

    start: int
    end: int
    permissions: str
    """`r-xp`."""
    offset: int
    path: str
    """Of the file as the target names it; `[stack]` and the like; empty for memory that is nobody's file."""


def read_mappings(pid: int, proc: Path = Path("/proc")) -> tuple[Mapping, ...]:
    """What is mapped, by address. Raises OSError if there is no such process, or if it may not be looked at."""
    return tuple(_mapping(line) for line in (proc / str(pid) / "maps").read_text(errors="replace").splitlines())


def mapping_at(mappings: tuple[Mapping, ...], address: int) -> Mapping | None:
    """The mapping that an address lies in."""
    return next((each for each in mappings if each.start <= address < each.end), None)


class Memory:
    """The bytes of a process. Reading and writing raise OSError where nothing is mapped or nothing is allowed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, address: int, size: int) -> bytes:
        """Exactly so many bytes."""
        data = os.pread(self._descriptor, size, address)
        if len(data) != size:
            raise OSError(f"only {len(data)} of {size} bytes can be read at {address:#x}")
        return data

    def write(self, address: int, data: bytes) -> None:
        """All of the bytes; a page that is mapped from a file becomes the process's own."""
        if os.pwrite(self._descriptor, data, address) != len(data):
            raise OSError(f"{len(data)} bytes cannot be written at {address:#x}")


@contextmanager
def open_memory(pid: int, proc: Path = Path("/proc")) -> Iterator[Memory]:
    """Open the memory of a process; the kernel allows it to whoever may trace the process."""
    descriptor = os.open(proc / str(pid) / "mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        yield Memory(descriptor)
    finally:
        os.close(descriptor)


def _mapping(line: str) -> Mapping:
    fields = line.split(None, 5)
    start, end = fields[0].split("-")
    path = fields[5] if len(fields) > 5 else ""
    return Mapping(int(start, 16), int(end, 16), fields[1], int(fields[2], 16), path)
