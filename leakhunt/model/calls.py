"""What was read around the operations of a request that lead into extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leakhunt.model.snapshot import Frame
from leakhunt.units import Bytes


@dataclass(frozen=True, slots=True)
class Callee:
    """A function of an extension."""

    file: str
    """The shared object, as the target sees it."""
    function: str
    """`dumps`, `Unpacker.__next__`."""
    called: bool
    """Seen to be called; else only named where the operation stands."""
    package: str | None = None
    """The distribution that the file belongs to."""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one line, and what stayed after it: all its runs in all watched requests added up."""

    stack: tuple[Frame, ...]
    """Innermost frame first: the line itself."""
    kind: str
    """`call`, `iteration`, `attribute`, `item`, `operator` or `with`."""
    callees: tuple[Callee, ...]
    """What it may have run, the likeliest first."""
    callbacks: tuple[tuple[str, str], ...]
    """(file, function) of the Python code that it called back."""
    count: int
    blocks: int
    """Blocks of Python's allocators more than before."""
    malloc: Bytes
    """Bytes of malloc in use more than before."""
    mapped: Bytes
    """Address space more than before that is not malloc's."""
    references: int
    """References more than before to what it was given, as far as that stands in names."""


@dataclass(frozen=True, slots=True)
class CallTable:
    """The operations of one worker in one round."""

    worker: str
    round: int
    requests: int
    """Requests that were watched."""
    operations: tuple[Operation, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Why further requests were not watched, and how many."""
