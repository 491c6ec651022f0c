"""What came of a check, in Markdown: for a pull request, or the summary of a CI job."""

from __future__ import annotations

from typing import Final

from leakhunt.model.gate import Gate, Outcome
from leakhunt.model.report import Report
from leakhunt.reports import markdown, phrases
from leakhunt.reports.gate import cells, headline, heads

_SIGNS: Final = {
    Outcome.FAILED: "❌ failed",
    Outcome.UNDECIDED: "❔ undecided",
    Outcome.ACCEPTED: "☑️ known",
    Outcome.NOT_MEASURED: "⚪ not measured",
    Outcome.PASSED: "✅ passed",
}


def render(gate: Gate, report: Report, *, most: int | None = None) -> str:
    """The answer, a row for each limit, notes, and the whole report folded away.

    With `most` the text has no more bytes than that: the report goes first, then rows.
    """
    head = f"## leakhunt: {markdown.prose(headline(gate))}"
    names = ("", "Route", *(name.capitalize() for name in heads(gate)))
    rows = [
        " | ".join((_SIGNS[check.outcome], markdown.code(check.route), *cells(gate, check))) for check in gate.checks
    ]
    notes = [f"- {markdown.prose(note)}" for note in (*gate.notes, *(caveat.text for caveat in gate.caveats))]
    notes += _reproductions(report)
    whole = f"<details><summary>The whole report</summary>\n\n{markdown.render(report)}\n</details>"
    text = _joined(head, names, rows, notes, whole)
    if most is None or len(text.encode()) <= most:
        return text
    while rows and len(_joined(head, names, rows, notes, _CUT).encode()) > most:
        rows = rows[: len(rows) // 2]
    return _joined(head, names, rows, notes, _CUT)


def _reproductions(report: Report) -> list[str]:
    return [
        f"- Smallest workload of {markdown.code(found.route)}: {markdown.prose('; '.join(found.sent))} "
        f"({markdown.prose(phrases.reproduced(found))}): "
        + (markdown.code(found.command) if found.command else markdown.prose(phrases.why_no_command(found)))
        for found in report.reproductions
    ]


_CUT: Final = "The rest is too long to be shown here; it stands in the report."


def _joined(head: str, names: tuple[str, ...], rows: list[str], notes: list[str], end: str) -> str:
    table = [f"| {' | '.join(names)} |", f"| --- | --- | --- |{' ---: |' * (len(names) - 3)}"]
    table += [f"| {row} |" for row in rows]
    return "\n\n".join(part for part in (head, "\n".join(table), "\n".join(notes), end) if part) + "\n"
