"""What a check allows, and how much it may take: from the mark, the call and the settings of the test run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, cast

from leakhunt.errors import UsageError
from leakhunt.units import Bytes, Seconds, format_size, parse_size

if TYPE_CHECKING:
    from leakhunt.model.report import Suspect

UNDECIDED: Final = ("fail", "skip")
"""What may become of a test of which nothing could be proven."""
RESOURCES: Final = ("threads", "descriptors")
ROUNDS_PER_BLOCK: Final = 6
_LEAST_ROUNDS: Final = 12
"""Two blocks: a leak has to show in both."""
_MOST_ROUNDS: Final = 54
_LEAST_CALLS: Final = 200
_PER_CALL: Final = re.compile(r"(?P<size>[^/]+?)\s*(/\s*call\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one check allows."""

    max_growth: float | None = 64.0
    """Bytes that a call may keep; None: growth is not measured."""
    max_peak: Bytes | None = None
    """Bytes of RSS that one call may need for a moment; None: peaks are not measured."""
    max_kept: Bytes | None = None
    """Bytes that all calls together may keep though they do not leak: what a bounded cache may hold."""
    rounds: int = 36
    """Verdict rounds at most, in blocks of six; time may allow fewer."""
    calls: int | None = None
    """Calls in the verdict rounds at most. With it the clock has no say: the same seed makes the same calls."""
    time: Seconds = 10.0
    """For the verdict rounds. Checks take a fraction of it unless the call is slow or its memory noisy."""
    ignore: frozenset[str] = frozenset()
    """Resources that may grow: `threads`, `descriptors`."""
    collect: bool = True
    """Whether garbage is collected before each reading. Without, cycles that only the collector frees count as kept."""
    undecided: str = "fail"
    """`fail` or `skip`: what becomes of a test of which nothing could be proven."""
    known: Callable[[Suspect], bool] | None = None
    """Tells suspects that are accepted: a leak of which all are does not fail the test."""
    written: Mapping[str, str] = field(default_factory=dict)
    """The sizes as somebody wrote them, by name."""

    def allowed(self, name: str) -> str:
        """A size as it was written, or as we would."""
        return self.written.get(name) or format_size(getattr(self, name))


_PLAIN: Final = ("rounds", "calls", "time", "ignore", "collect", "undecided", "known")
NAMES: Final = ("max_growth", "max_peak", "max_kept", *_PLAIN)


def with_limits(base: Limits, given: Mapping[str, Any], where: str) -> Limits:
    """`base` with what was given in its place.

    Raises:
        UsageError: a name is unknown, or a value makes no sense; `where` says who gave it.
    """
    for name in given:
        if name not in NAMES:
            close = get_close_matches(name, NAMES, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(NAMES)}."
            raise UsageError(f"{where}: there is no {name}.", hint)
    read = {name: _READERS[name](value, f"{where}: {name}") for name, value in given.items()}
    written = {name: value for name, value in given.items() if isinstance(value, str)}
    return replace(base, **read, written={**base.written, **written})


def _growth(value: Any, where: str) -> float | None:
    if isinstance(value, str):
        match = _PER_CALL.fullmatch(value.strip())
        value = match["size"] if match else value
    size = _size(value, where)
    if size is not None and size < 1:
        raise UsageError(f"{where} has to be at least 1 B per call.", "No measurement resolves less.")
    return None if size is None else float(size)


def _size(value: Any, where: str) -> Bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return parse_size(value)
        except ValueError as error:
            raise UsageError(f"{where}: {error}.") from error
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise UsageError(f"{where} has to be a size, as 'max_peak=\"10MB\"', or a number of bytes.")
    return round(value)


def _number(least: int, most: int | None, why: str) -> Any:
    def read(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            up_to = f" to {most}" if most else " or more"
            raise UsageError(f"{where} has to be a whole number, {least}{up_to}.", why)
        return value

    return read


def _time(value: Any, where: str) -> Seconds:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise UsageError(f"{where} has to be a number of seconds, 0.1 or more.")
    return seconds


def _ignore(value: Any, where: str) -> frozenset[str]:
    names = (value,) if isinstance(value, str) else tuple(value)
    unknown = [name for name in names if name not in RESOURCES]
    if unknown:
        raise UsageError(f"{where}: {unknown[0]!r} cannot be ignored.", f"What can is {' and '.join(RESOURCES)}.")
    return frozenset(names)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where} has to be True or False.")
    return value


def _undecided(value: Any, where: str) -> str:
    if value not in UNDECIDED:
        raise UsageError(f"{where} has to be {' or '.join(UNDECIDED)}.")
    return str(value)


def _known(value: Any, where: str) -> Callable[[Suspect], bool]:
    if not callable(value):
        raise UsageError(f"{where} has to be a function that tells of a suspect whether it is accepted.")
    return cast("Callable[[Suspect], bool]", value)


_READERS: Final[Mapping[str, Any]] = {
    "max_growth": _growth,
    "max_peak": _size,
    "max_kept": _size,
    "rounds": _number(_LEAST_ROUNDS, _MOST_ROUNDS, "A leak has to show in two blocks of six rounds."),
    "calls": _number(_LEAST_CALLS, None, "Two blocks of six rounds with distinct numbers of calls take as many."),
    "time": _time,
    "ignore": _ignore,
    "collect": _flag,
    "undecided": _undecided,
    "known": _known,
}
