"""Which heap file a command means: a file, or one of those in the directory of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError

SUFFIX: Final = ".heap"


def find_heap(path: Path) -> Path:
    """`FILE`, `RUN` (its latest heap) or `RUN:N` (its N-th, from 1 on, by the time of writing).

    Raises UsageError if there is none.
    """
    run, colon, number = str(path).rpartition(":")
    if colon and number.isdecimal() and not path.exists() and Path(run).is_dir():
        heaps = _heaps(Path(run))
        if not 1 <= int(number) <= len(heaps):
            raise UsageError(f"{run} has no heap {number}: it has {len(heaps)}.", _hint(Path(run)))
        return heaps[int(number) - 1]
    if path.is_dir():
        heaps = _heaps(path)
        if not heaps:
            raise UsageError(f"{path} has no heap in it.", _hint(path))
        return heaps[-1]
    return path


def _heaps(run: Path) -> list[Path]:
    return sorted(run.glob(f"*{SUFFIX}"), key=lambda each: (each.stat().st_mtime_ns, each.name))


def _hint(run: Path) -> str:
    return f"leakhunt heap take PID -o {run}/1{SUFFIX} puts one there."
