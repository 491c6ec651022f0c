"""What a peer has seen grow. Runs in the target, too: Python 3.8, standard library only."""

from __future__ import annotations

from typing import NamedTuple

BUDGET = 64
"""Bytes per request that a row has to grow by where a rule needs a least size: leakhunt's own default."""


class Plan(NamedTuple):
    """How often the app is called."""

    warm_up: int
    requests: int
    """After the warm-up."""


class Row(NamedTuple):
    """One line of what a peer shows: a type, a line of code or a stack, and what it gained in each window."""

    growth: tuple[float, ...]
    """Bytes or objects, in the order of the windows."""
    type: str | None = None
    site: str | None = None
    """`app.py:7:application`: a line of the application."""
    library: str | None = None
    """`msgpack/fallback.py:7:unpack`: a line or a function outside of it."""
    path: str | None = None
    """What holds it: `app._SEEN`."""


def steady(rows: list[Row], least: float) -> list[Row]:
    """The rows that gained at least so much in every window, the one that gained most in the last of them first."""
    kept = [row for row in rows if row.growth and min(row.growth) >= least]
    return sorted(kept, key=lambda row: row.growth[-1], reverse=True)
