"""A process tree as it is watched from outside: one reading of all its processes, and how they have grown until now."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.model.measurement import MemoryUsage
from leakhunt.model.run import Role
from leakhunt.units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Trend:
    """How fast something has grown while it was watched. It says nothing about the cause, nor about what comes."""

    per_second: float
    low: float
    """With `high`, the interval at 99 %."""
    high: float
    seconds: Seconds
    """From the first reading that it rests on to the last."""

    @property
    def rises(self) -> bool:
        """Whether growth is told from none."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """One process at one moment, as the kernel shows it. None where it does not."""

    memory: MemoryUsage
    cpu: Seconds
    """User and system time since it was born."""
    threads: int
    descriptors: int | None
    oom_score: int | None
    """How likely the kernel is to kill it when memory runs out, 0 to about 2000."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process of the tree."""

    key: str
    """As `Worker.key`."""
    pid: int
    parent: int
    role: Role
    name: str
    age: Seconds
    vitals: Vitals
    cpu_share: float | None
    """Processors used since the reading before: 1.0 is one of them all the time. None for the first reading."""
    history: tuple[Bytes, ...]
    """RSS from the first reading to this one, thinned."""
    growth: Trend | None
    """Of its RSS; None as long as there are too few readings."""


@dataclass(frozen=True, slots=True)
class EndedView:
    """A process that has ended while it was watched."""

    pid: int
    name: str
    ended: Seconds
    """Since the start of the watch."""
    rss: Bytes
    """At its last reading."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The memory limit that is met first: of an enclosing memory cgroup, or the machine itself."""

    size: Bytes
    left: Bytes
    """Bytes still to be had, with what the kernel would give back before it kills anything."""
    source: str
    """`cgroup v2 /app`, `cgroup v1 /app`, `host`."""


@dataclass(frozen=True, slots=True)
class TreeView:
    """One reading of the whole tree."""

    pid: int
    """The process that was named."""
    name: str
    time: Seconds
    """Since the start of the watch."""
    readings: int
    interval: Seconds
    processes: tuple[ProcessView, ...]
    """In order of birth."""
    ended: tuple[EndedView, ...]
    """The latest of those that have ended, the last one first."""
    rss: Bytes
    uss: Bytes | None
    """None where it could not be read of all processes."""
    pss: Bytes | None
    growth: Trend | None
    """Of `basis`."""
    basis: str
    """`pss` where it can be read of all, else `rss`."""
    limit: Limit | None
    wanted: int
    """Readings that a trend needs."""
    notes: tuple[str, ...]
    """What could not be read, and why: one sentence each."""

    @property
    def full_in(self) -> tuple[Seconds, Seconds, Seconds] | None:
        """Seconds until the limit is met if growth goes on as it did: expected, soonest, latest.

        None where no growth is told from none, or where it is not known how much is left.
        """
        if self.limit is None or self.growth is None or not self.growth.rises:
            return None
        left = self.limit.left
        return left / self.growth.per_second, left / self.growth.high, left / self.growth.low
