"""Memory of one process, as the kernel accounts for it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from leakhunt.model.measurement import MemoryUsage
from leakhunt.units import Bytes

_PRIVATE: Final = ("Private_Clean", "Private_Dirty", "Private_Hugetlb")


class ProcessGone(Exception):
    """The process ended before or while it was read."""


def read_memory(pid: int) -> MemoryUsage:
    """RSS, USS, PSS, swap and anonymous memory of a process.

    One read of `smaps_rollup` gives them all at the same moment; psutil serves where the kernel has no such file.

    Raises:
        ProcessGone: there is no such process any more.
    """
    try:
        fields = _parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return MemoryUsage(rss=read_rss(pid))
    if "Rss" not in fields:  # a zombie has an empty file
        raise ProcessGone(pid)
    return MemoryUsage(
        rss=fields["Rss"],
        uss=sum(fields.get(name, 0) for name in _PRIVATE),
        pss=fields.get("Pss"),
        swap=fields.get("Swap"),
        anonymous=fields.get("Anonymous"),
    )


def read_rss(pid: int) -> Bytes:
    """RSS alone, from `statm`: cheap enough to poll while the load runs.

    Raises:
        ProcessGone: there is no such process any more.
    """
    try:
        rss = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error as error:
        raise ProcessGone(pid) from error
    if rss == 0:  # a zombie
        raise ProcessGone(pid)
    return rss


def _parse_rollup(text: str) -> dict[str, Bytes]:
    """`Name:   123 kB` lines as bytes; the header line with addresses is passed over."""
    fields: dict[str, Bytes] = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) == 2 and words[1] == "kB":
            fields[name] = int(words[0]) * 1024
    return fields
