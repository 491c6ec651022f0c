"""Files with one line of JSON for each thing that was found out: added to while the benchmark runs, read whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol


class Noted(Protocol):
    """A dataclass that such a file keeps."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> tuple[str | int, ...]:
        """What tells it from all others in its file."""


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file, in their order; none if there is no file. A line cut short is left out."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # the runner was killed while it wrote


def append_line(path: Path, noted: Noted) -> None:
    """Add a line, whole or not at all as far as a killed runner allows, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if torn := file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read() != b"\n"
        file.write((("\n" if torn else "") + to_line(noted)).encode())
        file.flush()
        os.fsync(file.fileno())


def write_lines(path: Path, every: Iterable[Noted]) -> None:
    """A whole file anew, in the order of the keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(map(to_line, sorted(every, key=lambda noted: noted.key))), encoding="utf-8")


def to_line(noted: Noted) -> str:
    """One line of JSON."""
    return json.dumps(asdict(noted), separators=(",", ":")) + "\n"
