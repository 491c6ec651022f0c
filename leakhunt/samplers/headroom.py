"""How much memory and disk the machine, or the container we are in, has left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import psutil

from leakhunt.units import Bytes

_UNLIMITED: Final = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


def available_memory(cgroups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> Bytes:
    """Bytes that can still be used: the smallest of what the host and each enclosing memory cgroup leave."""
    host = int(psutil.virtual_memory().available)
    return min([host, *_cgroup_headroom(cgroups, process)])


def free_disk(path: Path) -> Bytes:
    """Bytes free for this user on the file system of `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _cgroup_headroom(cgroups: Path, process: Path) -> Iterator[Bytes]:
    for directory, limit_name, used_name in _memory_cgroups(cgroups, process):
        limit, used = _number(directory / limit_name), _number(directory / used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            yield max(0, limit - used + _reclaimable(directory))


def _memory_cgroups(cgroups: Path, process: Path) -> Iterator[tuple[Path, str, str]]:
    """The process's memory cgroup and its parents, for version 2 and version 1, with the names of their files."""
    try:
        lines = process.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            yield from _upwards(cgroups, name, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _upwards(cgroups / "memory", name, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _upwards(root: Path, name: str, limit: str, used: str) -> Iterator[tuple[Path, str, str]]:
    # Inside a container the path names the host's tree, and only the root of it is mounted: missing files are passed
    # over by the caller.
    relative = PurePosixPath(name.lstrip("/"))
    for part in (relative, *relative.parents):
        yield root / part, limit, used


def _reclaimable(directory: Path) -> Bytes:
    """Page cache that the kernel gives back before it kills anything."""
    try:
        text = (directory / "memory.stat").read_text(encoding="ascii")
    except OSError:
        return 0
    rows = (line.split() for line in text.splitlines())
    return sum(int(row[1]) for row in rows if len(row) == 2 and row[0] == "inactive_file")


def _number(path: Path) -> Bytes | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
