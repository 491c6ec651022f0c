"""Standard output and error as shells leave them: closed from the start, or left by their reader."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO, cast

_STANDARD: Final = 3
"""How many descriptors have a meaning by their number."""


class Leavable:
    """A text stream that becomes a sink once its reader has gone; everything else it leaves to the stream itself."""

    def __init__(self, stream: TextIO, forgiven: type[OSError] = BrokenPipeError) -> None:
        self._stream = stream
        self._forgiven = forgiven

    def write(self, text: str) -> int:
        """Write, or drop what nobody can read any more; how long the text was."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what the stream still held."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except self._forgiven:
            _lead_nowhere(self._stream)


@contextmanager
def mended_streams() -> Iterator[None]:
    """Have `sys.stdout` and `sys.stderr` exist and outlive their readers.

    A command whose reader has gone still does its job and has its exit code: a leak is one, whether or not somebody
    reads about it. What cannot be written to stderr, for whatever reason, is dropped: progress and complaints must not
    decide how a run ends. On stdout a full disk is an error.
    """
    _occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        out, error = sys.stdout or sink, sys.stderr or sink
        for stream in (out, error):
            if isinstance(stream, io.TextIOWrapper):
                # Characters that the terminal's encoding lacks become escapes, where Python would raise.
                stream.reconfigure(errors="backslashreplace")
        sys.stdout, sys.stderr = cast("TextIO", Leavable(out)), cast("TextIO", Leavable(error, OSError))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
            for stream in (out, error):
                _empty(stream)


def _occupy_standard_descriptors() -> None:
    """Open the descriptors that were closed: the next file to be opened would get the number, and what is printed."""
    for number in range(_STANDARD):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)


def _empty(stream: TextIO) -> None:
    """Python flushes a stream once more when it ends, and complains where what it still holds has no place to go."""
    try:
        stream.flush()
    except (OSError, ValueError):
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    with suppress(OSError, ValueError):  # a stream without a descriptor holds nothing back
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
