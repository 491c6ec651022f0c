"""A comparison on a terminal: tables first, then the answer, so that it is what stays on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leakhunt.model.comparison import Change, Comparison, SuspectChange
from leakhunt.reports import comparison_phrases as say
from leakhunt.reports.phrases import plain
from leakhunt.reports.terminal import sharing

_COLOURS: Final = {"clean": "green", "leak": "red", "bounded": "yellow", "inconclusive": "default"}
"""By the tone of a change."""
_MOST_SUSPECTS: Final = 6
_MOST_REASONS: Final = 4
_STATE: Final = 11
"""Columns that the word for a suspect takes, with two blanks after it."""
_ROOMY: Final = 100
"""Columns from which there is room for differences with their intervals."""


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print it, on standard output unless told otherwise. Text from the targets is never taken for markup."""
    console = console or Console()
    for table in _details(comparison, roomy=console.width >= _ROOMY):
        if table.row_count:
            console.print(table, "")
    for caveat in comparison.caveats:
        console.print(Text.assemble(("Caveat: ", "yellow"), plain(caveat.text)))
    console.print(Text(f"{say.METHOD} {say.UNJUDGED}", style="dim"))
    console.print()
    _print_answer(comparison, console)


def _details(comparison: Comparison, *, roomy: bool) -> Iterator[Table]:
    """What may scroll off."""
    yield _filled(("answers",), ("median", "95 % within", "as expected"), say.services(comparison))
    yield _filled(("peaks",), ("of one request", "per uploaded byte"), say.moments(comparison, brief=not roomy))
    levels = ("processes", "RSS at start", "at end", "at most") if roomy else ("RSS at start", "at end", "at most")
    yield _filled(("largest",), levels, (row if roomy else (row[0], *row[2:]) for row in say.memory(comparison)))
    yield _rates(comparison, roomy=roomy)


def _rates(comparison: Comparison, *, roomy: bool) -> Table:
    table = _table(("kept per request",), ("before", "after", *(("difference",) if roomy else ())))
    table.add_column("")
    for route, before, after, moved, change in say.rates(comparison):
        figures = (before, after, *((moved,) if roomy else ()))
        table.add_row(Text(plain(route)), *figures, _word(change, change.value))
    return table


def _print_answer(comparison: Comparison, console: Console) -> None:
    table = _table(("",), ("before", "after", "change"))
    for row in say.summary(comparison, brief=console.width < _ROOMY):
        table.add_row(*row)
    console.print(table, "")
    for _, found in say.by_state(comparison):
        for each in found[:_MOST_SUSPECTS]:
            for line in _suspect(each, console.width):
                console.print(line, no_wrap=True, overflow="ellipsis")
        if len(found) > _MOST_SUSPECTS:
            more = f"and {len(found) - _MOST_SUSPECTS} more that are {found[0].state.value}"
            console.print(Text(f"{' ' * _STATE}{more}", style="dim"))
    if comparison.suspects:
        console.print()
    console.print(Text.assemble(_word(comparison.change, say.word(comparison.change)), "  ", say.headline(comparison)))
    for reason in comparison.reasons[:_MOST_REASONS]:
        console.print(Text(f"  {plain(reason)}"))


def _suspect(change: SuspectChange, width: int) -> Iterator[Text]:
    """What became of it, where and how much; below, its line and holder."""
    route, kept, grown, place, holder = (plain(part) for part in say.suspect(change))
    state = Text(f"{change.state.value:<{_STATE}}", style=_COLOURS[say.STATE_TONES[change.state]])
    yield Text.assemble(state, (route, "bold"), "  ", kept, "  ", grown)
    place, holder = sharing(place, holder, width - _STATE)
    yield Text.assemble(" " * _STATE, (place, "cyan"), "  ", holder)
    matched = say.matched(change)
    if matched:
        yield Text(f"{' ' * _STATE}{plain(matched)}", style="dim")


def _word(change: Change, word: str) -> Text:
    return Text(word, style=f"bold {_COLOURS[say.TONES[change]]}")


def _filled(left: Sequence[str], right: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose first column comes from the targets."""
    table = _table(left, right)
    for first, *rest in rows:
        table.add_row(Text(plain(first)), *rest)
    return table


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
