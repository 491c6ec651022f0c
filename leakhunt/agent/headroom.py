"""Whether there is memory enough for a snapshot child, by the limits of this process and not only of the machine."""

from __future__ import annotations

import os

SMALLEST = 200 << 20
"""Bytes that must be available in any case."""
PER_BLOCK = 100
"""Bytes that a child which looks at every object copies and takes for each block of the interpreter: 80 measured."""
USABLE = 0.8
"""Of what is available: the app and others go on in the meantime."""
UNLIMITED = 1 << 60


def allowance(blocks: int, walks: bool, at_once: int) -> tuple[int, str | None]:
    """Bytes that a child may copy and take, and one sentence where that would not be enough.

    `blocks` are in use by the interpreter. A child that `walks` touches the header of every object, and so copies
    their pages; big buffers stay shared. `at_once` children of as many workers share what there is.
    """
    available = available_bytes() // max(1, at_once)
    needed = max(SMALLEST, min(resident_bytes(), PER_BLOCK * blocks)) if walks else SMALLEST
    if int(available * USABLE) >= needed:
        return int(available * USABLE), None
    each = f" for each of {at_once} at once" if at_once > 1 else ""
    return 0, (
        f"a snapshot needs {int(needed / USABLE) >> 20} MiB of free memory"
        f" and {available >> 20} MiB are available{each}"
    )


def private_bytes() -> int | None:
    """What this process has copied from its parent and taken since; None where the kernel does not tell."""
    text = _read("/proc/self/smaps_rollup")
    clean, dirty = _number(text, b"Private_Clean:"), _number(text, b"Private_Dirty:")
    return None if clean is None or dirty is None else (clean + dirty) * 1024


def mapped_bytes() -> int:
    """Address space of this process."""
    return int(_read("/proc/self/statm").split()[0]) * os.sysconf("SC_PAGE_SIZE")


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
