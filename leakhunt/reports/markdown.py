"""`report.md`: for pull requests, issues and chats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leakhunt.model.report import Report, Suspect
from leakhunt.reports import phrases
from leakhunt.reports.base import Format
from leakhunt.reports.phrases import plain


def render(report: Report) -> str:
    """The report in GitHub's Markdown."""
    blocks = (
        f"# {report.judgement.verdict.value}: {prose(report.name)}",
        _verdict(report),
        *(_suspect(rank, suspect) for rank, suspect in enumerate(report.suspects, start=1)),
        _growth(report),
        _routes(report),
        _hotspots(report),
        _evidence(report),
        _workers(report),
        _memory(report),
        _already_there(report),
        _closing(report),
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(report: Report) -> str:
    judgement = report.judgement
    provisional = " This verdict is provisional." if judgement.provisional else ""
    reasons = "\n".join(f"- {prose(reason)}" for reason in judgement.reasons)
    seen = phrases.sensitivity(judgement)
    following = f"Next:\n\n{_block(report.next_command)}" if report.next_command else ""
    parts = (f"**{phrases.headline(report)}**{provisional}", reasons, seen, following)
    return "\n\n".join(part for part in parts if part)


def _suspect(rank: int, suspect: Suspect) -> str:
    return "\n".join(_suspect_lines(rank, suspect))


def _suspect_lines(rank: int, suspect: Suspect) -> Iterator[str]:
    yield f"## {rank}. {code(suspect.route)}: {phrases.kept(suspect)}"
    yield ""
    yield f"- Grows: {code(phrases.grown(suspect))} ({prose(suspect.cause)}, {prose(suspect.confidence)})"
    yield f"- Line: {code(phrases.place(suspect))}"
    if suspect.site is not None and suspect.site.source:
        yield f"- Source: {code(suspect.site.source.strip())}"
    yield f"- Holder: {code(suspect.path) if suspect.path else prose(_no_holder(suspect))}"
    if suspect.path_nodes:
        yield f"- Chain: {' → '.join(code(hop) for hop in suspect.path_nodes)}"
    yield f"- Because: {prose(phrases.because(suspect))}"
    if suspect.advice:
        yield f"- Advice: {prose(suspect.advice)}"
    yield f"- Fingerprint: {code(suspect.fingerprint)}"


def _no_holder(suspect: Suspect) -> str:
    return suspect.null_reasons.get("path", "not found")


def _growth(report: Report) -> str:
    lines = (phrases.explained(report), phrases.transient(report), phrases.paid_once(report))
    return "\n\n".join(prose(line) for line in lines if line)


def _routes(report: Report) -> str:
    header = ("Route", "Verdict", "Requests", "Kept per request", "Transient peak", "Amplification")
    rows = [
        (
            code(route.route),
            route.verdict.value,
            str(route.requests),
            phrases.per_request(route.bytes_per_request, route.bytes_per_request_interval),
            phrases.size(route.peak_bytes_per_request),
            phrases.ratio(route.amplification),
        )
        for route in report.routes
    ]
    return table("Routes", header, rows, left=2)


def _hotspots(report: Report) -> str:
    rows = [
        (
            f"{code(f'{spot.function}()')} {code(phrases.line(spot))}",
            code(spot.route),
            phrases.per_request(spot.kept_per_request),
            phrases.count(spot.blocks_per_request),
        )
        for spot in report.hotspots
    ]
    return table("Hotspots", ("Function", "Route", "Kept per request", "Blocks per request"), rows, left=2)


def _evidence(report: Report) -> str:
    rows = [(code(found.route), *row) for found in report.route_evidence for row in phrases.evidence(found)]
    evidence = table("Evidence", ("Route", "In", "Requests", "Kept", "Per request"), rows, left=2)
    return f"{evidence}\n\n{phrases.EVIDENCE}" if evidence else ""


def _workers(report: Report) -> str:
    rows = [
        (
            prose(f"{worker.name} ({worker.pid})"),
            prose(worker.role),
            prose(worker.death or ("" if worker.judged else "not judged")),
            phrases.number(worker.requests),
            phrases.size(worker.rss_start),
            phrases.size(worker.rss_end),
            phrases.size(worker.rss_max),
        )
        for worker in report.workers
    ]
    header = ("Process", "Role", "End", "Requests", "RSS at start", "At end", "At most")
    return table("Workers", header, rows, left=3)


def _memory(report: Report) -> str:
    rows = [
        (prose(f"{memory.name} ({memory.pid})"), *map(prose, row))
        for memory in report.memory
        for row in phrases.memory(memory)
    ]
    header = ("Process", "Part", "At the baseline", "At the end", "Growth")
    parts = table("What the memory is made of", header, rows, left=2)
    notes = [f"{memory.name}: {note}" for memory in report.memory for note in phrases.memory_notes(memory)]
    return "\n\n".join([parts, *map(prose, notes)]) if parts else ""


def _already_there(report: Report) -> str:
    rows = [
        (code(holder), code(mostly), *map(prose, figures))
        for holder, mostly, *figures in map(phrases.holding, report.already_there)
    ]
    header = ("Holder", "Mostly", "Below it", "Of live bytes", "Since")
    holders = table("Already there when leakhunt came", header, rows, left=2)
    return (
        "\n\n".join([holders, *map(prose, (phrases.ALREADY_THERE, *phrases.holding_ages(report)))]) if holders else ""
    )


def _closing(report: Report) -> str:
    hazards = "\n".join(f"- {prose(told)} {prose(advice)}" for told, advice in phrases.hazards(report))
    caveats = "\n".join(f"- {prose(caveat.text)}" for caveat in report.caveats)
    conditions = "; ".join(f"{prose(name)} {prose(value)}" for name, value in report.conditions.items())
    made = f"leakhunt {prose(report.leakhunt)}, {prose(report.started_at)}, seed {report.plan.seed}."
    lists = [f"## {title}\n\n{text}" for title, text in (("Hazards", hazards), ("Caveats", caveats)) if text]
    return "\n\n".join([*lists, phrases.cost(report.cost), *filter(None, (conditions, made))])


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int) -> str:
    """A table below its heading, the first `left` columns aligned left; nothing without rows. Cells are Markdown."""
    lines = [" | ".join(row) for row in rows]
    if not lines:
        return ""
    ruler = " | ".join("---" if column < left else "---:" for column in range(len(header)))
    return "\n".join(
        [f"## {title}", "", f"| {' | '.join(header)} |", f"| {ruler} |", *(f"| {line} |" for line in lines)]
    )


def prose(text: str) -> str:
    """Prose in which nothing of the target's is taken for Markdown or HTML, or for the end of a table's cell."""
    entities = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", ":&#8203;//")
    escaped = re.sub(r"([\\`*_\[\]#~$])", r"\\\1", entities).replace("|", "&#124;")
    # At the start of a line these would begin a list; alone in it, make a heading of the line before.
    no_list = re.sub(r"^(\d*)([-+.)])(?=\s|$)", r"\1\\\2", escaped)
    return re.sub(r"^(?=(?:=+|-+)\s*$)", r"\\", no_list)


def code(text: str) -> str:
    """A code span around any text; HTML's where the text would end Markdown's."""
    shown = plain(text)
    return f"<code>{prose(text)}</code>" if "|" in shown or "`" in shown else f"`{shown}`"


def _block(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}sh\n{plain(text)}\n{fence}"


MARKDOWN: Final = Format("md", ".md", render)
