"""Memory line by line: what `leakhunt lines` has measured of the functions that the user named."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.units import Bytes


@dataclass(frozen=True, slots=True)
class LineUse:
    """One line of a function that has run."""

    number: int
    source: str
    """The line without its end; empty where the file cannot be read."""
    increment: Bytes
    """How much RSS rose (or fell) while it ran, all calls added up. Transient memory counts, too."""
    occurrences: int


@dataclass(frozen=True, slots=True)
class FunctionUse:
    """One function, all its calls in all workers added up. Divide by `calls`, never 0, for what one call costs."""

    name: str
    """As the user wrote it: `module:function` or `module:Class.method`."""
    file: str
    first_line: int
    calls: int
    kept: Bytes
    """RSS after a call less RSS before it: what the function did not give back."""
    peak: Bytes
    """Highest RSS at the end of any of its lines less RSS before the call: kept and transient memory together."""
    lines: tuple[LineUse, ...]


@dataclass(frozen=True, slots=True)
class LineTable:
    """What was measured, and what stood in the way."""

    functions: tuple[FunctionUse, ...]
    """Those that kept most first."""
    problems: tuple[str, ...]
    """One sentence for each function that was not measured."""
    caveats: tuple[str, ...] = ()
    """What has to be known to read the figures; one sentence each."""
