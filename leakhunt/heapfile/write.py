"""Writes a heap file from what a snapshot child sends, piece by piece as it comes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import numpy as np

from leakhunt.agent.probes import graph as sent
from leakhunt.errors import RunFileError
from leakhunt.heapfile import columns
from leakhunt.heapfile.sections import END, OBJECTS, ORIGIN, SAMPLES, SITES, TABLES, TEXTS, write_section, write_start
from leakhunt.model.heap import HeapOrigin

_COLUMNS: Final = (("<u8", True), ("<u4", False), ("<u8", False), ("<i8", False), ("<u4", False), ("<u4", False))
"""Of the objects, as they are sent; whether differences are packed. References come after them."""


class HeapWriter:
    """Writes beside the file that is asked for, and puts it in its place when it is complete; nobody else may read it.

    Raises RunFileError if it cannot be written, or if what was sent makes no sense.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._file: IO[bytes] | None = None
        self.objects = self.references = 0

    def __enter__(self) -> HeapWriter:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def begin(self) -> None:
        """Begin, or begin once more."""
        if self._file is not None:
            self._file.close()
        self.objects = self.references = 0
        try:
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise RunFileError(f"{self.path} cannot be written: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "wb")
        os.fchmod(descriptor, 0o600)
        write_start(self._file)

    def take(self, body: bytes) -> None:
        """One piece of what the child sends."""
        tag, rest = body[:4], body[4:]
        try:
            if tag == sent.OBJECTS:
                self._section(OBJECTS, self._objects(rest))
            elif tag == sent.TEXTS:
                self._section(TEXTS, _texts(rest))
            elif tag == sent.SAMPLED:
                self._samples(json.loads(rest))
            elif tag == sent.TABLES:
                self._section(TABLES, json.dumps(json.loads(rest), separators=(",", ":")).encode())
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
            raise RunFileError(f"The snapshot child sent what makes no sense: {error}") from error

    def finish(self, origin: HeapOrigin) -> None:
        """Say where it is from and put it in its place."""
        self._section(ORIGIN, json.dumps(asdict(origin)).encode())
        self._section(END, json.dumps({"objects": self.objects, "references": self.references}).encode())
        assert self._file is not None
        try:
            self._file.close()
            self._partial.replace(self.path)
        except OSError as error:
            raise RunFileError(f"{self.path} cannot be written: {error.strerror}") from error
        self._file = None

    def _section(self, tag: bytes, body: bytes) -> None:
        assert self._file is not None
        try:
            write_section(self._file, tag, body)
        except OSError as error:
            raise RunFileError(f"{self.path} cannot be written: {error.strerror}") from error

    def _samples(self, reading: Mapping[str, Any]) -> None:
        """Stacks, and for each sampled block its address, its stack and the bytes that it stands for."""
        frames = [[str(file), int(line), str(function)] for file, line, function in reading["frames"]]
        stacks = [[frames[number] for number in numbers] for numbers, _ in reading["stacks"]]
        self._section(SITES, json.dumps(stacks, separators=(",", ":")).encode())
        samples = reading["samples"]
        addresses = np.array([int(sample[0]) for sample in samples], dtype=np.uint64)
        numbers = np.array([int(sample[3]) for sample in samples], dtype=np.uint64)
        sizes = np.array([round(sample[1] / sample[2]) for sample in samples], dtype=np.uint64)
        packed = columns.pack(addresses, differences=True) + columns.pack(numbers) + columns.pack(sizes)
        self._section(SAMPLES, packed)

    def _objects(self, body: bytes) -> bytes:
        number, references = sent.COUNTS.unpack_from(body)
        offset = sent.COUNTS.size
        parts: list[bytes] = []
        for dtype, differences in (*_COLUMNS, ("<u8", True)):
            length = number if len(parts) < len(_COLUMNS) else references
            values = np.frombuffer(body, dtype, length, offset)
            offset += values.nbytes
            parts.append(columns.pack(values, differences=differences))
        self.objects += number
        self.references += references
        return b"".join(parts)


def _texts(body: bytes) -> bytes:
    number, length = sent.COUNTS.unpack_from(body)
    offset = sent.COUNTS.size
    addresses = np.frombuffer(body, "<u8", number, offset)
    offset += addresses.nbytes
    lengths = np.frombuffer(body, "<u4", number, offset)
    offset += lengths.nbytes
    text = np.frombuffer(body, "u1", length, offset)
    return columns.pack(addresses, differences=True) + columns.pack(lengths) + columns.pack(text)
