"""The results as they are committed, and as docs/attach.md shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from attach_matrix.cells import TIMES, Row, from_row, to_row
from attach_matrix.servers import SERVERS
from conftest import ROOT

RESULTS: Final = ROOT / "tests/attach_matrix/results.json"
PAGE: Final = ROOT / "docs/attach.md"
PYTHONS: Final = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
_BEGIN: Final = "<!-- from here on written by `python -m attach_matrix publish` -->"


def stored(file: Path = RESULTS) -> tuple[Row, ...]:
    """The committed rows."""
    return tuple(map(to_row, json.loads(file.read_text(encoding="utf-8"))["cells"]))


def store(rows: Iterable[Row], file: Path = RESULTS) -> None:
    """Commit rows, one per line."""
    ordered = sorted(rows, key=lambda row: (list(SERVERS).index(row.server), PYTHONS.index(row.python), row.busy))
    lines = ",\n".join(json.dumps(from_row(row)) for row in ordered)
    file.write_text(f'{{"times": {TIMES}, "cells": [\n{lines}\n]}}\n', encoding="utf-8")


def page(text: str, rows: Sequence[Row]) -> str:
    """The page with its tables made anew."""
    return text.partition(_BEGIN)[0] + f"{_BEGIN}\n\n{tables(rows)}"


def tables(rows: Sequence[Row]) -> str:
    """How it went, how long it took, and what did not go well."""
    parts = [_summary(rows)]
    for title, busy in (("Without traffic", False), ("Under traffic", True)):
        parts.append(f"### {title}\n\n{_grid([row for row in rows if row.busy is busy])}")
    parts.append(f"### How long it took\n\n{_times(rows)}")
    notes = [f"- {row.server}, {row.python}: {row.problem}" for row in rows if row.problem and not row.busy]
    notes += [f"- {row.server}, {row.python}, busy: {_why(row)}" for row in rows if row.busy and _bad(row)]
    notes += [f"- {row.server}, {row.python}: {_why(row)}" for row in rows if not row.busy and _bad(row)]
    if notes:
        parts.append("### Notes\n\n" + "\n".join(dict.fromkeys(notes)))
    return "\n\n".join(parts) + "\n"


def _summary(rows: Sequence[Row]) -> str:
    measured = [row for row in rows if row.installable]
    passed = sum(row.passed for row in measured)
    whole = len(SERVERS) * len(PYTHONS) * 2
    attached, failed = sum(row.attached for row in measured), sum(row.failed for row in measured)
    sent, marked = sum(row.sent for row in measured), sum(row.marked for row in measured)
    others = sum(row.others for row in measured)
    return (
        f"{passed} of the {len(measured)} cells that were measured passed: {attached} attaches, {sent} requests of our "
        f"own while attached, of which {marked} carried a mark, {sum(row.late for row in measured)} after that; "
        f"{others} requests of other clients; {failed} failed. "
        f"Of {whole} cells, {len(rows) - len(measured)} have no wheel, and {whole - len(rows)} were not run."
    )


def _grid(rows: Sequence[Row]) -> str:
    cells = {(row.server, row.python): row for row in rows}
    body = [[server, *(_cell(cells.get((server, python))) for python in PYTHONS)] for server in SERVERS]
    rule = ["---"] * (len(PYTHONS) + 1)
    return "\n".join(f"| {' | '.join(line)} |" for line in (["server", *PYTHONS], rule, *body))


def _cell(row: Row | None) -> str:
    if row is None:
        return "not run"
    if not row.installable:
        return "no wheel"
    return f"{row.attached}/{TIMES}" if row.passed else f"**failed** {row.attached}/{TIMES}"


def _times(rows: Sequence[Row]) -> str:
    lines = [
        "| server | traffic | stopped ms, median (max) | to the hello ms, median (max) |",
        "|---|---|---|---|",
    ]
    for server in SERVERS:
        for busy in (False, True):
            chosen = [row for row in rows if row.server == server and row.busy is busy and row.attached]
            if chosen:
                stopped = _milliseconds([each for row in chosen for each in row.stopped])
                duration = _milliseconds([each for row in chosen for each in row.duration])
                lines.append(f"| {server} | {'busy' if busy else 'idle'} | {stopped} | {duration} |")
    return "\n".join(lines)


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1e3:.1f} ({max(seconds) * 1e3:.1f})"


def _bad(row: Row) -> bool:
    return row.installable and not row.passed


def _why(row: Row) -> str:
    return row.problem or (
        f"{row.attached} attached, {row.marked} of {row.sent} marked, {row.late} marked late, {row.failed} failed, "
        f"{'the same process' if row.same_process else 'the process is gone'}"
    )
