"""What a snapshot child saw in the heap of one worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from leakhunt.units import Bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class TypeStat:
    """Live objects of one type, by qualified name (`PIL.Image.Image`)."""

    type: str
    count: int
    size: Bytes | None = None
    """Of these objects alone, without what they refer to; None where it was not asked for."""


@dataclass(frozen=True, slots=True)
class SiteStat:
    """Live memory allocated by one stack while tracing was on."""

    stack: tuple[Frame, ...]
    """Innermost frame first."""
    size: Bytes
    count: int


@dataclass(frozen=True, slots=True)
class PathNode:
    """All objects that share parent path, edge name and type, met first on the shortest way from a root.

    The root of the tree is node 0. Indexes and keys of large containers are masked as `[*]`.
    """

    parent: int
    """Position of the parent node in `Snapshot.paths`; -1 for node 0."""
    edge: str
    """As written in Python: `._THUMBNAILS`, `['*']`, `[*]`, `.image`; for a child of node 0 the name of the root."""
    type: str
    count: int
    size: Bytes
    """Shallow sizes added up, objects that only these objects reach not included."""
    length: int = 0
    """Entries of the containers among them, those included that were met at other nodes."""


@dataclass(frozen=True, slots=True)
class Age:
    """How old the entries of one holder are, as far as the collector's lists tell."""

    path: str
    dated: int
    """Entries that the collector tracks: plain strings, bytes and numbers have no place in its lists."""
    newer: int
    """Of these, entries in the newer half of all that it tracks. Approximate: collections move objects about."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The heap of one worker after one round. Parts that were not asked for, or failed, are empty."""

    worker: str
    round: int
    types: tuple[TypeStat, ...] = ()
    sites: tuple[SiteStat, ...] = ()
    paths: tuple[PathNode, ...] = ()
    pause: float = 0.0
    """Seconds the app stood still for the fork."""
    problems: tuple[str, ...] = ()
    """What could not be done in the child, one sentence each."""
    ages: tuple[Age, ...] = ()
    """Of the largest holders, where the process ran before leakhunt came."""


@dataclass(frozen=True, slots=True)
class Container:
    """A closer look at one holder: its deep size, its cap if it has one, and a second opinion on who holds it."""

    worker: str
    round: int
    path: str
    """As in `Suspect.path`."""
    type: str
    length: int | None = None
    deep_size: Bytes | None = None
    """`pympler.asizeof` of the container."""
    cap: int | None = None
    """Largest number of entries it will hold: `maxsize`, `maxlen`; None if none was found."""
    cap_source: str | None = None
    """Where the cap was read: `cache_info().maxsize`, `deque.maxlen`, ..."""
    chain: tuple[str, ...] = ()
    """Chain from a root to a growing object found by `objgraph.find_backref_chain`, one readable hop each."""
    problems: tuple[str, ...] = field(default=())
