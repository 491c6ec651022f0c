"""What a program of the launch wrote to stdout and stderr."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from leakhunt.units import Bytes

_TAIL: Bytes = 64 * 1024
_LONGEST_STEM: Final = 200
"""Characters: the name of a file has 255 at most."""


@dataclass(frozen=True, slots=True)
class Log:
    """The two output files of one program. Neither need exist."""

    stdout: Path
    stderr: Path

    @classmethod
    def of(cls, directory: Path, name: str) -> Log:
        """The log of the program called `name`, whatever characters the name has; another name has another log."""
        stem = quote(name, safe="")
        if len(stem) > _LONGEST_STEM:
            stem = f"{stem[:_LONGEST_STEM]}-{sha256(name.encode()).hexdigest()[:16]}"
        return cls(directory / f"{stem}.out", directory / f"{stem}.err")

    def text(self) -> str:
        """The end of stdout, then the end of stderr."""
        return _end_of(self.stdout) + _end_of(self.stderr)

    def errors(self) -> str:
        """The end of stderr, or of stdout where nothing went to stderr."""
        return _end_of(self.stderr).strip() or _end_of(self.stdout).strip()


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
