"""Whether there is memory enough for a snapshot child, by the limits of this process and not only of the machine."""

from __future__ import annotations

SMALLEST = 200 << 20
"""Bytes that must be available in any case."""
SHARE = 0.5
"""Of the target's RSS: what a child that touches every object may have to copy."""
UNLIMITED = 1 << 60


def refusal() -> str | None:
    """One sentence where a child would not be safe, else None."""
    available = available_bytes()
    needed = max(SMALLEST, int(resident_bytes() * SHARE))
    if available >= needed:
        return None
    return f"a snapshot needs {needed >> 20} MiB of free memory and {available >> 20} MiB are available"


def available_bytes() -> int:
    """What the machine and every control group above this process still allow."""
    free = _meminfo().get("MemAvailable", UNLIMITED)
    return min([free, *_group_headrooms()])


def resident_bytes() -> int:
    """RSS of this process."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * 4096


def _meminfo() -> dict[str, int]:
    with open("/proc/meminfo", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}


def _group_headrooms() -> list[int]:
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    found = []
    for _, controllers, path in rows:
        if not controllers:
            found += _headrooms("/sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            found += _headrooms("/sys/fs/cgroup/memory", path, *names)
    return found


def _headrooms(root: str, path: str, limit_file: str, usage_file: str, cache: str) -> list[int]:
    """Room in the group and in each of its parents; page cache that can be dropped counts as room."""
    found = []
    while True:
        group = root + path.rstrip("/")
        limit, usage = _number(f"{group}/{limit_file}"), _number(f"{group}/{usage_file}")
        if limit is not None and usage is not None and limit < UNLIMITED:
            found.append(limit - usage + _statistic(f"{group}/memory.stat", cache))
        if path in {"", "/"}:
            return found
        path = path.rpartition("/")[0]


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _statistic(path: str, name: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return 0
    return next((int(row[1]) for row in rows if row[0] == name), 0)
