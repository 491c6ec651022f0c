"""Stays with a text that is queued, until it is over: then the code that runs it can be taken away, and not before.

It is part of the process that has queued it (`stopper`), so it goes on if leakhunt is killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.targets.inject.memory import Memory
from leakhunt.targets.inject.processors import here

LIMIT: Final = 60.0
"""Seconds that a main thread may take to come to a text that is called off; then the code stays."""
_POLL: Final = 0.005
_ENDING: Final = 64
"""Bytes at the end of a text by which it is known: the token is there."""
_RUNNING: Final = 20
"""Looks at a thread that runs before it is stopped to see where."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A text that waits for the main thread, and what has to be undone once it is over."""

    pid: int
    code_at: int
    previous: bytes
    """What the code has replaced."""
    cancel_at: int
    text_at: int
    """A mapping of its own: what runs the text gives it back at the end."""
    text: bytes

    def waits(self, memory: Memory) -> bool:
        """Whether it is not yet over."""
        at = max(0, len(self.text) - _ENDING)
        with suppress(OSError):
            return memory.read(self.text_at + at, len(self.text) - at) == self.text[at:]
        return False


def stay(queued: Queued, memory: Memory, wanted: Callable[[], bool], is_outside: Callable[[], bool]) -> None:
    """Wait until the text is over and take the code away; call the text off when it is `wanted` no longer.

    `is_outside` stops the main thread to see whether it has left the code. Raises OSError as memory.
    """
    deadline: float | None = None
    while queued.waits(memory):
        if deadline is None and not wanted():
            memory.write(queued.cancel_at, here.cancel)
            deadline = time.monotonic() + LIMIT
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(_POLL)
    # What is left of the code are some instructions, but a thread may be kept from running in between any two.
    if _is_left(queued, is_outside) and here.is_ours(memory.read(queued.code_at, 8)):
        memory.write(queued.code_at, queued.previous)


def _is_left(queued: Queued, is_outside: Callable[[], bool]) -> bool:
    for _ in range(_RUNNING):
        place = _place(queued.pid)
        if place is not None and not queued.code_at <= place < queued.code_at + here.code_size:
            return True
        time.sleep(_POLL)
    return is_outside()


def _place(pid: int) -> int | None:
    """Address at which the main thread is in a system call; None while it runs."""
    with suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/syscall").read_text().split()
        return int(fields[-1], 16) if len(fields) > 2 else None
    return None
