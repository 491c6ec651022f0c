"""A terminal that is taken over comes back as it was, whatever ends the taking."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator

import pytest

from terminal import Terminal

PROGRAM = """
import os, sys
from leakhunt.cli.screen import can_take_over, taken_over
assert can_take_over()
with taken_over() as screen:
    while True:
        columns, lines = screen.size()
        screen.show([(("shown at ", "strong"), (f"{columns}x{lines}", ""))] * (lines + 5))
        key = screen.key(30)
        if key == "x":
            raise RuntimeError("broken")
        if key == "q":
            break
print("over", flush=True)
"""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal("-c", PROGRAM)
    try:
        opened.read_until("shown at ")
        yield opened
    finally:
        opened.close()


def test_while_it_is_taken_keys_come_at_once_and_are_not_echoed(terminal: Terminal) -> None:
    flags = terminal.settings()[3]
    assert not flags & (termios.ICANON | termios.ECHO)
    assert flags & termios.ISIG
    assert terminal.taken
    assert "\x1b[?25l" in terminal.shown


@pytest.mark.parametrize(
    ("end", "code"),
    [("q", 0), ("x", 1), (signal.SIGHUP, None), (signal.SIGINT, None), ("\x03", None)],
    ids=["quit", "error", "hup", "int", "ctrl-c"],
)
def test_the_terminal_comes_back_whatever_ends_it(
    terminal: Terminal, end: str | signal.Signals, code: int | None
) -> None:
    if isinstance(end, str):
        terminal.type(end)
    else:
        terminal.process.send_signal(end)
    ended = terminal.wait()
    assert ended == code if code is not None else ended != 0
    assert not terminal.taken
    assert terminal.settings() == terminal.before
    assert terminal.shown.rstrip().rfind("\x1b[?25h") > terminal.shown.rfind("\x1b[?25l")


def test_a_suspended_program_gives_the_terminal_back_and_takes_it_again(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.read_until("\x1b[?1049l")
    _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert terminal.settings() == terminal.before
    terminal.process.send_signal(signal.SIGCONT)
    back = terminal.read_until("\x1b[?1049h")
    if "shown at " not in back:  # the terminal may have given both at once
        terminal.read_until("shown at ")
    assert terminal.settings() != terminal.before
    terminal.type("q")
    assert terminal.wait() == 0
    assert terminal.settings() == terminal.before


def test_a_window_of_another_size_is_drawn_at_once(terminal: Terminal) -> None:
    terminal.resize(100, 30)
    terminal.process.send_signal(signal.SIGWINCH)
    assert "100x30" in terminal.read_until("100x30")


def test_no_more_is_shown_than_fits(terminal: Terminal) -> None:
    terminal.type("r")
    while terminal.shown.count("\x1b[J") < 2:
        terminal.read_until("\x1b[J")
    assert terminal.shown.split("\x1b[H")[2].count("shown at ") == 24


def test_ctrl_backslash_does_not_end_it_with_the_terminal_taken(terminal: Terminal) -> None:
    terminal.type("\x1c")
    terminal.read_until("shown at ")
    terminal.type("q")
    assert terminal.wait() == 0


def test_arrows_are_no_keys(terminal: Terminal) -> None:
    terminal.type("\x1b[A")
    terminal.read_until("shown at ")
    assert terminal.process.poll() is None


def test_colours_are_left_out_on_request() -> None:
    opened = Terminal("-c", "import os; os.environ['NO_COLOR'] = '1'\n" + PROGRAM)
    try:
        opened.read_until("shown at ")
        assert "\x1b[1m" not in opened.shown
    finally:
        opened.close()
