"""A process tree as it is watched: one reading of all its processes, and how they have grown until now."""

from __future__ import annotations

from collections.abc import Mapping
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
class GuestView:
    """A process into which the agent was brought, or was to be brought."""

    attached: bool
    problem: str | None = None
    """Why it is not attached to, or why its requests are not counted or its heap is not looked at."""
    requests: int | None = None
    """Finished since the agent came; None where they are not counted."""
    requests_per_second: float | None = None
    """Since the reading before; None for the first one."""


@dataclass(frozen=True, slots=True)
class TypeView:
    """Live objects of one type in all workers that were looked into."""

    type: str
    count: int
    """At the latest look into each worker."""
    size: Bytes
    """Of these objects alone, without what they refer to."""
    grown_count: int | None
    """More than at the first look into each worker; None if no worker was looked into twice."""
    grown_size: Bytes | None
    count_per_minute: float | None
    size_per_minute: float | None


@dataclass(frozen=True, slots=True)
class Inside:
    """What agents in the processes add to a reading."""

    guests: Mapping[str, GuestView]
    """By key of the process."""
    types: tuple[TypeView, ...] = ()
    """By growth, the fastest first; by size as long as no worker was looked into twice."""
    looks: int = 0
    """How many times the heaps were looked at."""
    looked: Seconds | None = None
    """When that was last, since the start of the watch."""
    stopped: Seconds = 0.0
    """How long a thread stood still for the attaching, at the longest."""
    pause: Seconds = 0.0
    """How long a process stood still for a look, at the longest."""
    event: str = ""
    """What was done last, or is being done: one sentence."""

    @property
    def attached(self) -> int:
        """Processes that are attached to."""
        return sum(guest.attached for guest in self.guests.values())

    @property
    def requests_per_second(self) -> float | None:
        """Of all processes whose requests are counted."""
        known = [each.requests_per_second for each in self.guests.values() if each.requests_per_second is not None]
        return sum(known) if known else None


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
    inside: Inside | None = None
    """None as long as nothing was brought into the processes."""

    @property
    def full_in(self) -> tuple[Seconds, Seconds, Seconds] | None:
        """Seconds until the limit is met if growth goes on as it did: expected, soonest, latest.

        None where no growth is told from none, or where it is not known how much is left.
        """
        if self.limit is None or self.growth is None or not self.growth.rises:
            return None
        left = self.limit.left
        return left / self.growth.per_second, left / self.growth.high, left / self.growth.low
