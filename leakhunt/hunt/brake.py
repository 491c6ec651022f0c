"""Stops the load before the target or the machine runs out of memory or disk, and once the target is dead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from leakhunt.samplers.headroom import available_memory, free_disk
from leakhunt.units import Bytes, format_size

_SHARE: Final = 0.7
"""Of the memory that is available at the start, the part a target's tree may take unless the user says otherwise."""
MIN_FREE_DISK: Final[Bytes] = 2 * 10**9


class Brake:
    """Watches two limits; once one is reached, `reason` says which and `stop` has been called.

    `dead` says why the target will not answer any more, if so: what is sent to it from then on tells nothing.
    `used` is what a target that ran before has already.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        disks: tuple[Path, ...],
        limit: Bytes | None,
        dead: Callable[[], str | None] = lambda: None,
        used: Bytes = 0,
    ) -> None:
        self.limit = limit if limit is not None else used + int(available_memory() * _SHARE)
        self.reason: str | None = None
        self._stop = stop
        self._disks = disks
        self._dead = dead

    def check(self, total: Bytes) -> None:
        """Compare the memory of the target's tree, and the free disk, with the limits."""
        if self.reason is not None:
            return
        if (dead := self._dead()) is not None:
            self._pull(dead)
            return
        if total >= self.limit:
            self._pull(f"the target's processes reached {format_size(total)}, the limit is {format_size(self.limit)}")
            return
        for disk in self._disks:
            free = free_disk(disk)
            if free < MIN_FREE_DISK:
                self._pull(f"only {format_size(free)} of disk are free for {disk.name or disk}")
                return

    def _pull(self, reason: str) -> None:
        self.reason = reason
        self._stop()
