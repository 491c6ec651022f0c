"""The report on a terminal: tables and costs first, then the answer, so that it is what stays on the screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leakhunt.model.report import Report, Suspect, Verdict, WorkerReport
from leakhunt.reports import phrases
from leakhunt.reports.phrases import plain

_COLOURS: Final = {
    Verdict.LEAK: "red",
    Verdict.CLEAN: "green",
    Verdict.BOUNDED: "yellow",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.SUSPECTED: "yellow",
    Verdict.NOT_SEEN: "cyan",
}
_MOST_SUSPECTS: Final = 5
"""Suspects shown; the files hold all of them."""
_MOST_HOLDINGS: Final = 5
_MOST_REASONS: Final = 3
_INDENT: Final = 3
"""Columns before what goes on below a suspect's route."""
_LEAST: Final = 12
"""Columns that a name gets however narrow the terminal is."""
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the report, on standard output unless told otherwise.

    Text from the target is never taken for markup or for control sequences.
    """
    console = console or Console()
    _print_details(report, console)
    _print_answer(report, console)


def _print_details(report: Report, console: Console) -> None:
    """What may scroll off."""
    for table in (_routes(report), _workers(report)):
        if table.row_count:
            console.print(table)
    ended = len(report.workers) - len(_alive(report))
    if ended:
        console.print(Text(f"and {ended} processes that ended before the run did, in the report", style="dim"))
    _print_memory(report, console)
    _print_already_there(report, console)
    for line in (phrases.paid_once(report), phrases.cost(report.cost)):
        if line:
            console.print(Text(line, style="dim"))
    for told, advice in phrases.hazards(report):
        console.print(Text.assemble(("Hazard: ", "yellow"), plain(f"{told} {advice}")))
    for caveat in report.caveats:
        console.print(Text.assemble(("Caveat: ", "yellow"), plain(caveat.text)))
    console.print()


def _print_memory(report: Report, console: Console) -> None:
    """Of the worker that has grown most; the files have all."""
    grown = sorted(report.memory, key=lambda memory: memory.rss_end - (memory.rss_start or memory.rss_end))
    for memory in grown[-1:]:
        table = _table((Text(plain(f"memory of {memory.name} ({memory.pid})")),), ("baseline", "end", "growth"))
        for row in phrases.memory(memory):
            table.add_row(*row)
        console.print(table)
        for note in phrases.memory_notes(memory):
            console.print(Text(note, style="dim"))
    if len(grown) > 1:
        console.print(Text(f"and {len(grown) - 1} more workers in the report", style="dim"))


def _print_already_there(report: Report, console: Console) -> None:
    if not report.already_there:
        return
    table = _table(("already there, by holder", "mostly"), ("below it", "of live", "since"))
    for held in report.already_there[:_MOST_HOLDINGS]:
        table.add_row(*(Text(plain(cell)) for cell in phrases.holding(held)))
    console.print(table)
    for note in phrases.holding_ages(report):
        console.print(Text(plain(note), style="dim"))


def _print_answer(report: Report, console: Console) -> None:
    """Verdict, suspects, and what to do next, in 24 lines of 80 columns."""
    _print_verdict(report, console)
    for rank, suspect in enumerate(report.suspects[:_MOST_SUSPECTS], start=1):
        for line in _suspect(rank, suspect, console.width):
            console.print(line, no_wrap=True, overflow="ellipsis")
    more = len(report.suspects) - _MOST_SUSPECTS
    if more > 0:
        console.print(Text(f"   and {more} more in the report", style="dim"))
    for told in (phrases.explained(report), phrases.transient(report), phrases.first_holding(report)):
        if told:
            console.print(Text(plain(told)))
    if report.next_command:
        # On a line of its own and never wrapped by us, so that it can be copied.
        console.print(Text("Next:", style="bold"), Text(plain(report.next_command)), soft_wrap=True)


def _print_verdict(report: Report, console: Console) -> None:
    judgement = report.judgement
    word = judgement.verdict.value + (" (provisional)" if judgement.provisional else "")
    colour = f"bold {_COLOURS[judgement.verdict]}"
    console.print(Text.assemble((word, colour), "  ", phrases.headline(report)))
    for reason in phrases.beside_suspects(report)[:_MOST_REASONS]:
        console.print(Text(f"  {plain(reason)}"))
    seen = phrases.sensitivity(judgement)
    if seen:
        console.print(Text(f"  {seen}", style="dim"))


def _suspect(rank: int, suspect: Suspect, width: int) -> list[Text]:
    """One dense line; where the terminal is too narrow, two that leave out what can be spared."""
    route, kept, grown, place, holder = (plain(part) for part in phrases.dense(suspect))
    whole = _assemble(f"{rank}. ", route, kept, grown, place, holder)
    if len(whole.plain) <= width:
        return [whole]
    kept, grown = _fitting(kept, grown, phrases.kept_briefly(suspect), width - _INDENT - len(route) - 2)
    place, holder = sharing(place, holder, width - _INDENT)
    return [_assemble(f"{rank}. ", route, kept, grown), _assemble(" " * _INDENT, place=place, holder=holder)]


def _assemble(start: str, route: str = "", kept: str = "", grown: str = "", place: str = "", holder: str = "") -> Text:
    styled = ((route, "bold"), (kept, "bold red"), (grown, ""), (place, "cyan"), (holder, ""))
    return Text.assemble(start, Text("  ").join(Text(text, style) for text, style in styled if text))


def _fitting(kept: str, grown: str, briefly: str, room: int) -> tuple[str, str]:
    """The interval is left out first, then the start of the type's name."""
    if len(kept) + 2 + len(grown) > room:
        kept = briefly
    count, blank, type_ = grown.rpartition(" ")
    return kept, f"{count}{blank}{_end(type_, room - len(kept) - 2 - len(count) - len(blank))}"


def sharing(place: str, holder: str, room: int) -> tuple[str, str]:
    """Line and holder side by side: directories are left out first, then the start of the holder's path."""
    place = _without_directories(place, room - 2 - len(holder))
    held, blank, path = holder.rpartition(" ")
    return place, f"{held}{blank}{_end(path, room - len(place) - 2 - len(held) - len(blank))}"


def _without_directories(place: str, room: int) -> str:
    """The file without those of its first directories that do not fit; its name, line and function always stay."""
    parts = place.split("/")
    shorter = (f"{_CUT}/{'/'.join(parts[start:])}" for start in range(1, len(parts) - 1))
    return next((text for text in (place, *shorter) if len(text) <= room), parts[-1])


def _end(text: str, room: int) -> str:
    """Names say most at their end; where there is a dot to cut at, they are cut there."""
    room = max(room, _LEAST)
    if len(text) <= room:
        return text
    kept = text[len(text) - room + len(_CUT) :]
    _, dot, whole = kept.partition(".")
    return _CUT + (whole if dot and 2 * len(whole) >= room else kept)


def _routes(report: Report) -> Table:
    table = _table(("route", "verdict"), ("requests", "kept/request", "amplif."))
    for route in report.routes:
        table.add_row(
            Text(plain(route.route)),
            Text(route.verdict.value, style=_COLOURS[route.verdict]),
            str(route.requests),
            phrases.per_request(route.bytes_per_request, route.bytes_per_request_interval),
            phrases.ratio(route.amplification),
        )
    return table


def _workers(report: Report) -> Table:
    table = _table(("worker", ""), ("requests", "RSS start", "end", "max"))
    for worker in _alive(report):
        table.add_row(
            Text(plain(f"{worker.name} ({worker.pid})")),
            Text("" if worker.judged else "not judged"),
            phrases.number(worker.requests),
            phrases.size(worker.rss_start),
            phrases.size(worker.rss_end),
            phrases.size(worker.rss_max),
        )
    return table


def _alive(report: Report) -> tuple[WorkerReport, ...]:
    """Processes that were there at the end; where workers are recycled the others can be dozens."""
    return tuple(worker for worker in report.workers if worker.death is None)


def _table(left: Iterable[str | Text], right: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
