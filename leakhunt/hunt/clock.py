"""The clock of a run: seconds since its start."""

from __future__ import annotations

import time
from collections.abc import Callable

from leakhunt.units import Seconds


def start_clock() -> Callable[[], Seconds]:
    """A clock that reads the seconds since now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
