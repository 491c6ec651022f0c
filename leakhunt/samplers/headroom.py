"""How much memory and disk the machine, or the container we are in, has left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import psutil

from leakhunt.model.view import Limit
from leakhunt.units import Bytes

_CGROUPS: Final = Path("/sys/fs/cgroup")
_FILES: Final = {
    "v2": ("memory.max", "memory.current"),
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Where each version of cgroups tells the limit, and what is used of it."""
_UNLIMITED: Final = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


def available_memory(cgroups: Path = _CGROUPS, process: Path = Path("/proc/self/cgroup")) -> Bytes:
    """Bytes that can still be used: the smallest of what the host and each enclosing memory cgroup leave."""
    return nearest_limit(cgroups, process).left


def nearest_limit(cgroups: Path = _CGROUPS, process: Path = Path("/proc/self/cgroup")) -> Limit:
    """Whose limit a process meets first: that of the host, or of a memory cgroup around it."""
    memory = psutil.virtual_memory()
    host = Limit(int(memory.total), int(memory.available), "host")
    return min((host, *_cgroup_limits(cgroups, process)), key=lambda limit: limit.left)


def shared_limit(pid: int, cgroups: Path = _CGROUPS, proc: Path = Path("/proc")) -> Limit | None:
    """The limit of a memory cgroup that a process shares with us, the nearest one; None if nothing limits both."""
    ours = dict(_named_limits(cgroups, proc / "self" / "cgroup"))
    theirs = {name for name, _ in _named_limits(cgroups, proc / str(pid) / "cgroup")}
    return min((limit for name, limit in ours.items() if name in theirs), key=lambda limit: limit.left, default=None)


def free_disk(path: Path) -> Bytes:
    """Bytes free for this user on the file system of `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _cgroup_limits(cgroups: Path, process: Path) -> Iterator[Limit]:
    return (limit for _, limit in _named_limits(cgroups, process))


def _named_limits(cgroups: Path, process: Path) -> Iterator[tuple[Path, Limit]]:
    """The limits of a process's cgroup and of its parents, each with its directory."""
    for version, root, name in _memory_cgroups(cgroups, process):
        directory = root / name
        limit_name, used_name = _FILES[version]
        limit, used = _number(directory / limit_name), _number(directory / used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            left = max(0, limit - used + _reclaimable(directory))
            yield directory, Limit(limit, left, f"cgroup {version} {PurePosixPath('/', name)}")


def _memory_cgroups(cgroups: Path, process: Path) -> Iterator[tuple[str, Path, PurePosixPath]]:
    """The process's memory cgroup and its parents: version, root of the tree, and name below it."""
    try:
        lines = process.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            yield from (("v2", cgroups, part) for part in _upwards(name))
        elif "memory" in controllers.split(","):
            yield from (("v1", cgroups / "memory", part) for part in _upwards(name))


def _upwards(name: str) -> Iterator[PurePosixPath]:
    # Inside a container the path names the host's tree, and only the root of it is mounted: missing files are passed
    # over by the caller.
    relative = PurePosixPath(name.lstrip("/"))
    yield from (relative, *relative.parents)


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
