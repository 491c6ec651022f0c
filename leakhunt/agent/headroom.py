"""Whether there is memory enough for a snapshot child, by the limits of this process and not only of the machine."""

from __future__ import annotations

import os

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
    free = _number(_read("/proc/meminfo"), b"MemAvailable:")
    return min([UNLIMITED if free is None else free * 1024, *_group_headrooms()])


def resident_bytes() -> int:
    """RSS of this process."""
    return int(_read("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _group_headrooms() -> list[int]:
    found = []
    for line in _read("/proc/self/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += _headrooms("/sys/fs/cgroup", path, ("memory.max", "memory.current", b"inactive_file "))
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file "
            found += _headrooms("/sys/fs/cgroup/memory", path, names)
    return found


def _headrooms(root: str, path: str, names: tuple[str, str, bytes]) -> list[int]:
    """Room in the group and in each of its parents; page cache that can be dropped counts as room."""
    found = []
    while True:
        group = root + path.rstrip("/")
        limit, usage = _read(f"{group}/{names[0]}").strip(), _read(f"{group}/{names[1]}").strip()
        if limit.isdigit() and usage.isdigit() and int(limit) < UNLIMITED:
            found.append(int(limit) - int(usage) + (_number(_read(f"{group}/memory.stat"), names[2]) or 0))
        if path in {"", "/"}:
            return found
        path = path.rpartition("/")[0]


def _number(text: bytes, name: bytes) -> int | None:
    """The number after `name` at the start of a line."""
    start = 0 if text.startswith(name) else text.find(b"\n" + name) + 1
    if start == 0 and not text.startswith(name):
        return None
    return int(text[start + len(name) :].split(None, 1)[0])


def _read(path: str) -> bytes:
    """A file of the kernel, empty if it cannot be read. No file object: its buffers would show in what is measured."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
