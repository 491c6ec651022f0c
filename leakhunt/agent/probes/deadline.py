"""Ends somebody else's code in time: objgraph and pympler take minutes on some heaps and know no limit."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class OutOfTime(BaseException):
    """Not an Exception, so that the code which is ended does not take it for one of its own."""


class Deadline:
    """Raises OutOfTime out of the code within, at one of its calls, once it has taken so many seconds.

    For the snapshot child only, whose profile function is nobody else's.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    def __enter__(self) -> Deadline:
        self._until = time.monotonic() + self._seconds
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, _: Any, __: str, ___: Any) -> None:
        if time.monotonic() > self._until:
            raise OutOfTime
