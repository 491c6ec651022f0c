"""Whether the kernel has killed for want of memory since a given moment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_COUNT: Final = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_CGROUPS: Final = Path("/sys/fs/cgroup")


class OomWatch:
    """Compares the kernel's counters of out-of-memory kills, this cgroup's and the machine's, with those before."""

    def __init__(self) -> None:
        self._before = kills()

    def happened(self) -> bool:
        """Whether anything was killed since; by all signs it was the process that just got SIGKILL."""
        return kills() > self._before


def kills() -> int:
    """Out-of-memory kills counted so far, wherever they are counted."""
    return sum(_count(path) for path in (Path("/proc/vmstat"), *_event_files()))


def _event_files() -> list[Path]:
    found: list[Path] = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append(_CGROUPS / path.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            found.append(_CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    return found


def _count(path: Path) -> int:
    try:
        match = _COUNT.search(path.read_text())
    except OSError:
        # Not every kernel and container shows every file.
        return 0
    return int(match[1]) if match is not None else 0
