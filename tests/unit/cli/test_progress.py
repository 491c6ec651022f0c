from __future__ import annotations

from io import StringIO

from rich.console import Console

from builders import sample
from leakhunt.cli.progress import Progress
from leakhunt.model.run import Phase, Round

LEVELS = {"live": 2e7, "blocks": 2e5, "anonymous": 3e7, "threads": 2.0, "descriptors": 12.0}


def tell(*, terminal: bool) -> str:
    """What is written while a block begins, a round ends and something is said."""
    console = Console(file=StringIO(), force_terminal=terminal, width=100, color_system=None)
    with Progress(console) as progress:
        progress.phase("verdict rounds, block 1: 780 requests")
        progress.round(Round(3, Phase.DOSE, 0.0, 1.0, {"image": 29}, samples=(sample("1@1", 1.0, LEVELS, {}),)))
        progress.note("The load was stopped: only [1.0 GiB] of disk are free.")
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_without_a_terminal_each_phase_is_one_plain_line() -> None:
    phase, note = tell(terminal=False).splitlines()
    assert phase.endswith("] verdict rounds, block 1: 780 requests")
    assert phase.startswith("[")
    assert note == "The load was stopped: only [1.0 GiB] of disk are free."


def test_a_terminal_shows_phases_and_notes_too() -> None:
    text = tell(terminal=True)
    assert "] verdict rounds, block 1: 780 requests" in text
    assert "The load was stopped: only [1.0 GiB] of disk are free." in text


def test_the_terminal_gets_its_cursor_back() -> None:
    text = tell(terminal=True)
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0


def test_routes_are_shown_as_they_are_even_if_they_look_like_markup() -> None:
    console = Console(file=StringIO(), width=100)
    with Progress(console) as progress:
        progress.phase("explain POST /[bold]/<int:pk>/")
    assert isinstance(console.file, StringIO)
    assert "explain POST /[bold]/<int:pk>/" in console.file.getvalue()


def test_a_route_that_looks_like_markup_does_not_break_the_spinner() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    with Progress(console) as progress:
        progress.phase("explain POST /[/]/[red]/")
        progress.round(Round(3, Phase.EXPLAIN, 0.0, 1.0, {"image": 29}))
    assert isinstance(console.file, StringIO)
    assert "/[/]/[red]/" in console.file.getvalue()
