"""The report as plain text: what a terminal shows, for files, pipes and logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from leakhunt.model.report import Report, Suspect
from leakhunt.reports import phrases
from leakhunt.reports.base import Format
from leakhunt.reports.columns import columns
from leakhunt.reports.phrases import plain


def render(report: Report) -> str:
    """Verdict, suspects (one line each), tables, caveats, cost and what to run next."""
    sections = (
        _verdict(report),
        _suspects(report),
        _growth(report),
        _routes(report),
        _evidence(report),
        _workers(report),
        _memory(report),
        _already_there(report),
        _hazards(report),
        _caveats(report),
        [phrases.cost(report.cost)],
        [] if report.next_command is None else [f"Next: {plain(report.next_command)}"],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _verdict(report: Report) -> list[str]:
    judgement = report.judgement
    provisional = " (provisional)" if judgement.provisional else ""
    return [
        f"{judgement.verdict.value}{provisional}  {phrases.headline(report)}",
        *(f"  {plain(reason)}" for reason in judgement.reasons),
        *(f"  {line}" for line in (phrases.sensitivity(judgement),) if line),
    ]


def _suspects(report: Report) -> list[str]:
    return [line for rank, suspect in enumerate(report.suspects, start=1) for line in _suspect(rank, suspect)]


def _suspect(rank: int, suspect: Suspect) -> Iterator[str]:
    yield f"{rank}. {' | '.join(plain(part) for part in phrases.dense(suspect))}"
    if suspect.advice:
        yield f"   {plain(suspect.advice)}"


def _growth(report: Report) -> list[str]:
    lines = (
        phrases.explained(report),
        phrases.transient(report),
        phrases.paid_once(report),
        phrases.first_holding(report),
    )
    return [plain(line) for line in lines if line]


def _routes(report: Report) -> list[str]:
    header = ("route", "verdict", "requests", "kept per request", "peak per request", "amplification")
    return columns(
        header,
        (
            (
                route.route,
                route.verdict.value,
                str(route.requests),
                phrases.per_request(route.bytes_per_request, route.bytes_per_request_interval),
                phrases.size(route.peak_bytes_per_request),
                phrases.ratio(route.amplification),
            )
            for route in report.routes
        ),
        align="llrrrr",
    )


def _evidence(report: Report) -> list[str]:
    """Block by block; the other formats have the rounds as well."""
    blocks = [replace(found, rounds=()) for found in report.route_evidence]
    return columns(
        ("evidence on", "in", "requests", "kept", "per request"),
        ((found.route, *row) for found in blocks for row in phrases.evidence(found)),
        align="llrrr",
    )


def _workers(report: Report) -> list[str]:
    return columns(
        ("worker", "role", "end", "requests", "RSS at start", "at end", "at most"),
        (
            (
                f"{worker.name} ({worker.pid})",
                worker.role,
                worker.death or ("" if worker.judged else "not judged"),
                phrases.number(worker.requests),
                phrases.size(worker.rss_start),
                phrases.size(worker.rss_end),
                phrases.size(worker.rss_max),
            )
            for worker in report.workers
        ),
        align="lllrrrr",
    )


def _memory(report: Report) -> list[str]:
    rows = ((f"{memory.name} ({memory.pid})", *row) for memory in report.memory for row in phrases.memory(memory))
    table = columns(("memory of", "part", "at the baseline", "at the end", "growth"), rows, align="llrrr")
    notes = (f"{memory.name}: {note}" for memory in report.memory for note in phrases.memory_notes(memory))
    return [*table, *map(plain, notes)]


def _already_there(report: Report) -> list[str]:
    header = ("already there, by holder", "mostly", "below it", "of live bytes", "since")
    table = columns(header, map(phrases.holding, report.already_there), align="llrrr")
    return [*table, *map(plain, phrases.holding_ages(report))]


def _hazards(report: Report) -> list[str]:
    return [line for told, advice in phrases.hazards(report) for line in (f"Hazard: {plain(told)}", f"  {advice}")]


def _caveats(report: Report) -> list[str]:
    return [f"Caveat: {plain(caveat.text)}" for caveat in report.caveats]


TEXT: Final = Format("text", ".txt", render)
