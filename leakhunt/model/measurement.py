"""What was read off one process at one moment. `None` means not measured, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakhunt.units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """Memory of one process as the kernel accounts for it."""

    rss: Bytes
    uss: Bytes | None = None
    pss: Bytes | None = None
    swap: Bytes | None = None
    anonymous: Bytes | None = None
    """`Anonymous` of `smaps_rollup`: unlike USS it does not move when a neighbour process starts or ends."""


@dataclass(frozen=True, slots=True)
class HeapUsage:
    """Memory of one process as its interpreter and its malloc account for it."""

    blocks: int
    """`sys.getallocatedblocks()`."""
    pymalloc: Bytes | None
    """Bytes in use inside pymalloc's pools (not the pools themselves); 0 where malloc serves small objects, too."""
    malloc: Bytes | None
    """Bytes in use from malloc as it tells them (glibc: `uordblks + hblkhd` of `mallinfo2`), without caches."""
    objects: int | None
    """Objects tracked by the garbage collector."""
    gc_enabled: bool = True

    @property
    def live(self) -> Bytes | None:
        """Live bytes: in use inside pymalloc and malloc together, once pymalloc's own arenas are not counted twice."""
        if self.pymalloc is None or self.malloc is None:
            return None
        return self.pymalloc + self.malloc


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at a quiescent point: no request in flight, garbage collected, no snapshot child alive."""

    worker: str
    """`Worker.key`."""
    time: Seconds
    """Since the start of the run."""
    memory: MemoryUsage
    heap: HeapUsage | None = None
    cpu: Seconds | None = None
    threads: int | None = None
    descriptors: int | None = None
    served: Mapping[str, int] = field(default_factory=dict)
    """Requests this process has finished since it was born, by route; empty without an agent."""


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One dot of the growth chart, read while the load runs."""

    worker: str
    time: Seconds
    rss: Bytes
    uss: Bytes | None = None


@dataclass(frozen=True, slots=True)
class PeakSample:
    """How far one request pushed its worker's high-water mark, alone and at a known upload size."""

    step: str
    worker: str
    uploaded: Bytes
    """Size of the request body."""
    peak: Bytes
    """`VmHWM` after the request less RSS before it, after the mark was reset."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the client saw it."""

    round: int
    step: str
    status: int | None
    """HTTP status; None when no response came (`error` says why)."""
    expected: bool
    sent: Bytes
    """Body bytes sent."""
    started: Seconds
    """Since the start of the run."""
    duration: Seconds
    retry: int = 0
    """0 for the first try, then 1, 2, ..."""
    error: str | None = None
