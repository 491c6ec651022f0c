"""Annotations in the words of GitHub Actions: `::error file=...,line=...::message`.

A step may have ten of a kind, so what is left out is counted in the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leakhunt.model.gate import Gate, Outcome
from leakhunt.reports import phrases
from leakhunt.reports.gate import sentence
from leakhunt.reports.located import located

MOST_SUMMARY: Final = 2**20
"""Bytes of a step's summary; a longer one is not shown at all."""
_MOST: Final = 10
_LEVELS: Final = {Outcome.FAILED: "error", Outcome.UNDECIDED: "warning"}


def annotate(gate: Gate, root: Path) -> Iterator[str]:
    """One line each: failures and open questions at the line that allocates, notes without one."""
    for outcome, level in _LEVELS.items():
        yield from _limited([_of(level, text, place) for text, place in _told(gate, outcome, root)], level)
    notes = (*(caveat.text for caveat in gate.caveats), *gate.notes)
    yield from _limited([_of("notice", note, "") for note in notes], "notice")


def _told(gate: Gate, outcome: Outcome, root: Path) -> Iterator[tuple[str, str]]:
    """Text and place of what came out so."""
    for check in gate.of(outcome):
        places = [(suspect, located(suspect, root)) for suspect in check.suspects]
        found = [(suspect, place) for suspect, place in places if place is not None]
        if not found:
            yield sentence(check), ""
        for suspect, place in found:
            where = f"file={_value(place.file)},line={place.line},"
            yield f"{sentence(check)}: {phrases.grown(suspect)}, {phrases.holder(suspect)}", where


def _limited(lines: list[str], level: str) -> list[str]:
    if len(lines) <= _MOST:
        return lines
    return [*lines[: _MOST - 1], _of(level, f"and {len(lines) - _MOST + 1} more: see the report", "")]


def _of(level: str, text: str, place: str) -> str:
    return f"::{level} {place}title=leakhunt::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
