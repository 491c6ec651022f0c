"""A copy of this process that looks at itself while we go on."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

from leakhunt.agent.clone import reaped, snapshot_child
from leakhunt.agent.probes.heap import malloc_in_use
from leakhunt.errors import TargetError
from leakhunt.units import Seconds

_STARTS: Final[tuple[Seconds, ...]] = (1.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""A copy that has not begun by then hangs: another thread was asking for the GIL, or was inside malloc. Or the machine
is so busy that the next one gets more time."""
_ROOM: Final = struct.Struct("<??qq")
"""Whether it has begun, whether it is done, and two numbers that it tells."""
_POLL: Final[Seconds] = 0.0005
_LONGEST_POLL: Final[Seconds] = 0.02

Work = Callable[[], "tuple[int, int] | None"]


class Look:
    """One copy, made by `clone`, that does some work and ends. It lives for `limit` at most. Has to be closed.

    With `apart` a thread of its own makes it: what only the frames of its maker hold the probes take for the maker's.
    The copy dies with the thread that made it. Raises TargetError if no copy gets as far as to begin.
    """

    def __init__(self, work: Work, limit: Seconds, *, apart: bool = False) -> None:
        self._room = mmap.mmap(-1, mmap.PAGESIZE)
        self._limit = limit
        self._pid: int | None = None
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="leakhunt") if apart else None
        try:
            if self._maker is None:
                self._start(work)
            else:
                self._maker.submit(self._start, work).result()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Look:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def wait(self) -> tuple[int, int] | None:
        """What it tells once it has ended; None if it did not get through."""
        self._until(lambda: False, self._limit)
        _, done, first, second = _ROOM.unpack_from(self._room)
        return (first, second) if done else None

    def close(self) -> None:
        """End it if it still runs."""
        self._until(lambda: False, 0.0)
        if self._maker is not None:
            self._maker.shutdown()
        self._room.close()

    def _start(self, work: Work) -> None:
        room = self._room

        def run() -> None:
            # Takes the lock of every arena of malloc: one that another thread held hangs the copy here.
            malloc_in_use()
            _ROOM.pack_into(room, 0, True, False, 0, 0)
            told = work()
            _ROOM.pack_into(room, 0, True, True, *(told or (0, 0)))

        for patience in _STARTS:
            try:
                self._pid, _, _ = snapshot_child(run, self._limit)
            except OSError as error:
                raise TargetError(f"This process could not be copied to be read: {error.strerror}.") from error
            self._until(self._has_begun, patience)
            if self._has_begun():
                return
        raise TargetError(f"{len(_STARTS)} copies of this process were made to be read, and none of them got through.")

    def _has_begun(self) -> bool:
        return bool(_ROOM.unpack_from(self._room)[0])

    def _until(self, enough: Callable[[], bool], limit: Seconds) -> None:
        """Wait until it has ended, or done enough; one that takes longer is ended."""
        deadline, pause = time.monotonic() + limit, _POLL
        while self._pid is not None and not enough():
            if reaped(self._pid):
                self._pid = None
                return
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL)
