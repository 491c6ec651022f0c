"""RSS of one process divided by what it is used for.

`/proc/PID/smaps` says how much of each mapping is resident and how much of it is shared, `/proc/PID/pagemap` which
pages are; the agent's layout says what lies where. A part is what an allocator has in use as far as the pages are
resident, so no part is negative and all together are the RSS.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from leakhunt.model.split import (
    ARENA_FREE,
    FILES,
    MALLOC_FREE,
    MAPPED,
    NATIVE,
    OBJECTS,
    PARTS,
    REST,
    STACKS,
    Extent,
    Layout,
    MemorySplit,
)
from leakhunt.samplers.memory import ProcessGone
from leakhunt.units import Bytes

_PAGE: Final = 4096
_PRESENT: Final = 1 << 63
_EXCLUSIVE: Final = 1 << 56
_LARGEST: Final = 16 << 30


@dataclass(frozen=True, slots=True)
class _Mapping:
    start: int
    end: int
    name: str
    file: bool
    rss: Bytes
    shared: Bytes


def read_split(pid: int, worker: str, round_: int, layout: Layout) -> MemorySplit:
    """Divide the RSS of a process. It should be at rest since the layout was made, and have no child then made.

    Raises:
        ProcessGone: there is no such process any more.
        OSError: the kernel does not let us look.
    """
    try:
        mappings = list(_mappings(Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace")))
        parts: dict[str, float] = defaultdict(float)
        shared: dict[str, float] = defaultdict(float)
        extents = sorted(layout.extents, key=lambda extent: extent.start)
        with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
            for mapping in mappings:
                if mapping.file:
                    parts[FILES] += mapping.rss
                elif mapping.name == "[stack]":
                    _add(parts, shared, {STACKS: float(mapping.rss)}, mapping.shared / max(1, mapping.rss))
                elif mapping.rss:
                    _divide(mapping, extents, pagemap, parts, shared)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessGone(pid) from error
    if not mappings:
        raise ProcessGone(pid)
    _uncache(parts, layout.cached)
    _without_addresses(parts, shared, layout)
    whole = {name: round(parts[name]) for name in PARTS}
    rss = sum(mapping.rss for mapping in mappings)
    # Rounding; at most a few bytes.
    whole[REST] = max(0, whole[REST] + rss - sum(whole.values()))
    of_fork = {name: round(shared[name]) for name in PARTS if round(shared[name])}
    return MemorySplit(
        worker, round_, sum(whole.values()), whole, of_fork, layout.allocator, layout.pymalloc, layout.uncollectable
    )


def _mappings(text: str) -> Iterator[_Mapping]:
    header: list[str] = []
    fields: dict[str, int] = {}
    for line in [*text.splitlines(), "0-0 end"]:
        first, _, rest = line.partition(" ")
        if "-" in first and not first.endswith(":"):
            if header:
                yield _mapping(header, fields)
            header, fields = line.split(None, 5), {}
        else:
            words = rest.split()
            if len(words) == 2 and words[1] == "kB":
                fields[first[:-1]] = int(words[0]) * 1024


def _mapping(header: list[str], fields: Mapping[str, int]) -> _Mapping:
    start, end = (int(bound, 16) for bound in header[0].split("-"))
    name = header[5] if len(header) > 5 else ""
    anonymous = (
        header[4] == "0" and header[1].endswith("p") and (not name or name.startswith(("[heap", "[stack", "[anon")))
    )
    shared = fields.get("Shared_Clean", 0) + fields.get("Shared_Dirty", 0)
    return _Mapping(start, end, name, not anonymous, fields.get("Rss", 0), shared)


def _divide(
    mapping: _Mapping, extents: list[Extent], pagemap: FileIO, parts: dict[str, float], shared: dict[str, float]
) -> None:
    pages = _pages(mapping, pagemap)
    present = sum(1 for page in pages if page & _PRESENT)
    # The page of zeros that is read from untouched memory is present, but counts in no RSS.
    scale = min(1.0, mapping.rss / (present * _PAGE)) if present else 1.0
    left, left_shared = float(mapping.rss), float(mapping.shared)
    for extent in extents:
        start, end = max(extent.start, mapping.start), min(extent.end, mapping.end)
        if start >= end or not present:
            continue
        window = pages[(start - mapping.start) // _PAGE : (end - mapping.start + _PAGE - 1) // _PAGE]
        there = [page for page in window if page & _PRESENT]
        if not there:
            continue
        resident = min(left, len(there) * _PAGE * scale)
        several = sum(1 for page in there if not page & _EXCLUSIVE) / len(there) if mapping.shared else 0.0
        several = min(several, left_shared / resident if resident else 0.0)
        _add(parts, shared, _use(extent, resident, (end - start) / (extent.end - extent.start)), several)
        left -= resident
        left_shared -= resident * several
    _add(parts, shared, {MAPPED: left}, min(1.0, left_shared / left) if left else 0.0)


def _pages(mapping: _Mapping, pagemap: FileIO) -> array[int]:
    pages = array("Q")
    if mapping.end - mapping.start <= _LARGEST:
        pagemap.seek(mapping.start // _PAGE * 8)
        pages.frombytes(pagemap.read((mapping.end - mapping.start) // _PAGE * 8))
    return pages


def _use(extent: Extent, resident: float, share: float) -> Mapping[str, float]:
    if extent.kind == "stack":
        return {STACKS: resident}
    objects, native = extent.objects * share, extent.native * share
    fitting = min(1.0, resident / (objects + native)) if objects + native else 1.0
    free = ARENA_FREE if extent.kind == "pool" else MALLOC_FREE
    used = {OBJECTS: objects * fitting, NATIVE: native * fitting}
    return {**used, free: max(0.0, resident - sum(used.values()))}


def _add(parts: dict[str, float], shared: dict[str, float], sizes: Mapping[str, float], several: float) -> None:
    for name, size in sizes.items():
        parts[name] += size
        shared[name] += size * several


def _uncache(parts: dict[str, float], cached: Bytes) -> None:
    """Chunks that a thread has freed and keeps for itself look as if somebody used them."""
    moved = min(parts[NATIVE], cached)
    parts[NATIVE] -= moved
    parts[MALLOC_FREE] += moved


def _without_addresses(parts: dict[str, float], shared: dict[str, float], layout: Layout) -> None:
    """Where the allocator's blocks could not be found in memory: by what it says it has, or not at all.

    `owned` is what Python's objects take there, by the sizes that their types tell.
    """
    unknown = parts[MAPPED]
    found = {OBJECTS: min(unknown, layout.owned)}
    if layout.allocator == "glibc":
        found[MAPPED] = unknown - found[OBJECTS]
    elif layout.statistics is None:
        found[REST] = unknown - found[OBJECTS]
    else:
        used, resident = layout.statistics
        found[NATIVE] = min(unknown - found[OBJECTS], max(0, used - layout.owned))
        found[MALLOC_FREE] = min(unknown - sum(found.values()), max(0, resident - used))
        found[MAPPED] = unknown - sum(found.values())
    # Which of them the shared pages belong to nobody tells: to all alike.
    several = shared[MAPPED] / unknown if unknown else 0.0
    parts[MAPPED] = shared[MAPPED] = 0.0
    _add(parts, shared, found, several)
