"""The growth that a team is willing to accept: `--budget 64B/request`, `--budget 50MB/day@20rps`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from leakhunt.units import format_size, parse_size

_PER_REQUEST: Final = re.compile(r"(?P<size>[^/@]+)(/\s*(request|req))?", re.IGNORECASE)
_PER_TIME: Final = re.compile(
    r"(?P<size>[^/@]+)/\s*(?P<unit>second|minute|hour|day|week)\s*@\s*(?P<rate>[0-9.]+)\s*rps", re.IGNORECASE
)
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SMALLEST: Final = 1.0
"""Bytes per request: no measurement resolves less."""
_LARGEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Budget:
    """Growth per request from which memory leaks."""

    per_request: float
    """Bytes of live memory per request."""
    text: str
    """As it was written."""

    def __str__(self) -> str:
        return self.text


def parse_budget(text: str) -> Budget:
    """Read `64B/request`, `2KiB` (per request, too) or `50MB/day@20rps`: so much a day at so many requests a second.

    Raises:
        ValueError: it is none of these, or no growth that could be measured.
    """
    over_time = _PER_TIME.fullmatch(text.strip())
    plain = over_time or _PER_REQUEST.fullmatch(text.strip())
    if plain is None:
        raise ValueError(f"{text[:40]!r} is no budget; write 64B/request or 50MB/day@20rps")
    try:
        size = float(parse_size(plain["size"]))
        requests = float(over_time["rate"]) * _SECONDS[over_time["unit"].lower()] if over_time else 1.0
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no budget; write 64B/request or 50MB/day@20rps") from error
    if not requests:
        raise ValueError(f"{text[:40]!r} allows growth at no requests at all; write for example 50MB/day@20rps")
    if not _SMALLEST <= size / requests <= _LARGEST:
        allowed = format_size(size / requests) if size / requests < _LARGEST else "more than any machine has"
        raise ValueError(f"{text[:40]!r} is {allowed} per request; the smallest budget is 1B/request")
    return Budget(size / requests, text.strip())
