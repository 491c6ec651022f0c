"""The report on a terminal: verdict and suspects on the first screen, the tables below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
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
}
_FIRST_SCREEN: Final = 5
"""Suspects shown; the files hold all of them."""
_ENDED_WORKERS: Final = 4
"""Ended processes shown, such as recycled workers."""


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the report, on standard output unless told otherwise.

    Text from the target is never taken for markup or for control sequences.
    """
    console = console or Console()
    console.print(_panel(report))
    for rank, suspect in enumerate(report.suspects[:_FIRST_SCREEN], start=1):
        console.print(_suspect(rank, suspect))
    more = len(report.suspects) - _FIRST_SCREEN
    if more > 0:
        console.print(Text(f"   and {more} more in the report", style="dim"))
    console.print()
    for line in (phrases.explained(report), phrases.transient(report), phrases.paid_once(report)):
        if line:
            console.print(Text(plain(line)))
    for table in (_routes(report), _workers(report)):
        if table.row_count:
            console.print(table)
    left_out = len(report.workers) - len(_shown_workers(report))
    if left_out:
        console.print(Text(f"and {left_out} more processes that ended, in the report", style="dim"))
    for caveat in report.caveats:
        console.print(Text.assemble(("Caveat: ", "yellow"), plain(caveat.text)))
    console.print(Text(phrases.cost(report.cost), style="dim"))
    if report.next_command:
        # On a line of its own and never wrapped by us, so that it can be copied.
        console.print(Text("Next:", style="bold"), Text(plain(report.next_command)), soft_wrap=True)


def _panel(report: Report) -> RenderableType:
    judgement = report.judgement
    colour = _COLOURS[judgement.verdict]
    word = judgement.verdict.value + (" (provisional)" if judgement.provisional else "")
    lines = [
        Text.assemble((word, f"bold {colour}"), "  ", phrases.HEADLINES[judgement.verdict]),
        *(Text(plain(reason)) for reason in judgement.reasons[:3]),
        *(Text(line, style="dim") for line in (phrases.sensitivity(judgement),) if line),
    ]
    return Panel(Group(*lines), border_style=colour, box=box.ROUNDED)


def _suspect(rank: int, suspect: Suspect) -> RenderableType:
    """One dense line; where the terminal is too narrow it goes on under the route."""
    line = Text.assemble(
        (plain(suspect.route), "bold"),
        (f"  {phrases.kept(suspect)}", "bold red"),
        f"  {plain(phrases.grown(suspect))}  ",
        (plain(_line(suspect)), "cyan"),
        f"  {plain(phrases.holder(suspect))}",
    )
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_row(f"{rank}.", line)
    return grid


def _line(suspect: Suspect) -> str:
    return phrases.line(suspect.site) if suspect.site is not None else phrases.place(suspect)


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
    table = _table(("worker", "end"), ("requests", "RSS start", "end", "max"))
    for worker in _shown_workers(report):
        table.add_row(
            Text(plain(f"{worker.name} ({worker.pid})")),
            Text(plain(worker.death or ("" if worker.judged else "not judged"))),
            str(worker.requests),
            phrases.size(worker.rss_start),
            phrases.size(worker.rss_end),
            phrases.size(worker.rss_max),
        )
    return table


def _shown_workers(report: Report) -> tuple[WorkerReport, ...]:
    """All of them, or those that were there at the end and the last of the others, where many have come and gone."""
    ended = [worker for worker in report.workers if worker.death is not None]
    hidden = set(ended[:-_ENDED_WORKERS])
    return tuple(worker for worker in report.workers if worker not in hidden)


def _table(left: Iterable[str], right: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
