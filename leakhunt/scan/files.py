"""Which files are looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError

NOT_OURS: Final = frozenset((
    "__pycache__", "__pypackages__", "node_modules", "bower_components", "site-packages", "dist-packages",
    "venv", "env", "build", "dist", "eggs", "vendor", "_vendor", "third_party", "thirdparty",
))  # fmt: skip
"""Directories of what others wrote or tools made."""
NOT_SERVED: Final = ("tests", "test", "testing", "migrations", "test_*.py", "*_test.py", "tests.py", "conftest.py")
"""What runs in tests, or once in a life, and not in a web process."""


def python_files(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Iterator[Path]:
    """Every Python file at or below `paths`, each once and in order. A file that is named itself is always there.

    Raises:
        UsageError: a path does not exist.
    """
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UsageError(f"There is no file or directory {path}.", "Name the directory that your code is in.")
        for file in [path] if path.is_file() else _below(path, exclude):
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                yield file


def _below(top: Path, exclude: Sequence[str]) -> Iterator[Path]:
    for directory, names, files in os.walk(top):
        here = Path(directory)
        names[:] = sorted(name for name in names if not _skipped_directory(here / name, top, exclude))
        for name in sorted(files):
            file = here / name
            if name.endswith(".py") and not _excluded(file, top, (*NOT_SERVED, *exclude)):
                yield file


def _skipped_directory(directory: Path, top: Path, exclude: Sequence[str]) -> bool:
    return (
        directory.name.startswith(".")
        or directory.name in NOT_OURS
        or directory.name.endswith(".egg-info")
        or (directory / "pyvenv.cfg").is_file()
        or _excluded(directory, top, (*NOT_SERVED, *exclude))
    )


def _excluded(path: Path, top: Path, patterns: Sequence[str]) -> bool:
    """A pattern without a slash is about the name, one with a slash about the path below `top`."""
    below = path.relative_to(top).as_posix()
    return any(fnmatchcase(below if "/" in pattern else path.name, pattern.rstrip("/")) for pattern in patterns)
