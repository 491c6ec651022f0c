"""A terminal taken over for a while: single keys, an alternate screen, and everything as before at the end."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from leakhunt.reports.spans import Line
from leakhunt.units import Seconds

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""Alternate screen, no cursor, empty."""
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_STYLES: Final[Mapping[str, str]] = {"dim": "2", "strong": "1", "rising": "1;31", "falling": "32"}
_NOT_TAKEN: Final = {"", "dumb", "unknown"}
"""Terminals that can do nothing but print."""


def can_take_over() -> bool:
    """Whether a person sits at both ends: keys come from a terminal, and it can move its cursor."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and _terminal() not in _NOT_TAKEN


def _terminal() -> str:
    return os.environ.get("TERM", "").lower()


class Screen:
    """The terminal while it is ours. Made by `taken_over`."""

    def __init__(self, out: int, keyboard: int, *, encoding: str, colour: bool) -> None:
        self._out = out
        self._encoding = encoding
        self._keyboard = keyboard
        self._colour = colour
        self._before: list[Any] = termios.tcgetattr(keyboard)
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)

    def size(self) -> tuple[int, int]:
        """Columns and lines, as of now."""
        columns, lines = shutil.get_terminal_size()
        return columns, lines

    def show(self, lines: Sequence[Line]) -> None:
        """Replace what is shown; without a flicker, for nothing is erased first."""
        height = self.size()[1]
        body = "\x1b[K\r\n".join(self._styled(line) for line in lines[:height])
        self._write(f"\x1b[H{body}\x1b[K\x1b[J")

    def key(self, patience: Seconds) -> str | None:
        """The key that was hit, or `""` when the window has another size, or None when the time is over."""
        ready, _, _ = select.select([self._keyboard, self._wake], [], [], max(patience, 0.0))
        if self._wake in ready:
            with suppress(BlockingIOError):
                os.read(self._wake, 512)
            return ""
        if self._keyboard not in ready:
            return None
        # Arrows and the like come as several bytes, none of which is a key of ours.
        hit = os.read(self._keyboard, 64)
        if not hit:
            raise KeyboardInterrupt  # the terminal has gone
        return hit.decode(errors="replace") if len(hit) == 1 else ""

    def enter(self) -> None:
        """Take the terminal."""
        keys = termios.tcgetattr(self._keyboard)
        keys[3] &= ~(termios.ICANON | termios.ECHO)
        keys[6][termios.VMIN], keys[6][termios.VTIME] = 1, 0
        # Ctrl-\ would end us with the terminal still taken.
        keys[6][termios.VQUIT] = b"\x00"
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, keys)
        self._write(_ENTER)

    def leave(self) -> None:
        """Give it back as it was. A terminal that has gone needs nothing."""
        with suppress(OSError):
            self._write(_LEAVE)
        with suppress(termios.error, OSError):
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._before)

    def close(self) -> None:
        """Close what was opened to be woken."""
        os.close(self._wake)
        os.close(self._woken)

    def resized(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGWINCH."""
        del number, frame
        with suppress(BlockingIOError):
            os.write(self._woken, b"w")

    def suspended(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGTSTP: the shell gets its terminal as it was, and `fg` gives it back to us."""
        self.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        # Going on from here means that somebody has sent SIGCONT.
        self.enter()
        self.resized(number, frame)

    def _write(self, text: str) -> None:
        # Straight to the terminal: a stream of Python's must not be written to while a signal interrupts its writing.
        rest = text.encode(self._encoding, "backslashreplace")
        while rest:
            rest = rest[os.write(self._out, rest) :]

    def _styled(self, line: Line) -> str:
        if not self._colour:
            return "".join(part for part, _ in line)
        return "".join(f"\x1b[{_STYLES[tone]}m{part}\x1b[0m" if tone in _STYLES else part for part, tone in line)


@contextmanager
def taken_over() -> Iterator[Screen]:
    """The terminal, given back whatever happens: an error, Ctrl-C, SIGTERM or SIGHUP, and while it is suspended."""
    sys.stdout.flush()
    screen = Screen(
        sys.stdout.fileno(),
        sys.stdin.fileno(),
        encoding=sys.stdout.encoding or "ascii",
        colour=not os.environ.get("NO_COLOR"),
    )
    handlers = {
        signal.SIGWINCH: screen.resized,
        signal.SIGTSTP: screen.suspended,
        signal.SIGHUP: signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        screen.enter()
        yield screen
    finally:
        screen.leave()
        for number, handler in before.items():
            signal.signal(number, handler)
        screen.close()
