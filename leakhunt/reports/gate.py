"""What came of a check, as plain text: the answer first, then every limit that was not simply kept."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from leakhunt.model.gate import Check, Gate, Outcome
from leakhunt.model.report import Report
from leakhunt.reports import phrases
from leakhunt.reports.columns import columns
from leakhunt.reports.phrases import plain

_WORDS: Final = {Outcome.FAILED: "FAILED", Outcome.UNDECIDED: "UNDECIDED", Outcome.PASSED: "PASSED"}
_QUIET: Final = frozenset({"threads", "descriptors", "files", "new-types"})
"""Limits of which nobody asks for the number as long as they are kept."""
_PLAIN: Final = _QUIET | {"amplification"}
"""Limits that are no bytes."""
_WRONG: Final = frozenset({Outcome.FAILED, Outcome.UNDECIDED, Outcome.ACCEPTED})
_INDENT: Final = "   "
_NARROWEST: Final = 40
"""Columns; below that, folding makes nothing easier to read."""
_SHOWN: Final = 8
"""Suspects that are told at most."""


def render(gate: Gate, report: Report, *, width: int | None = None) -> str:
    """Outcome, checks, suspects, notes. Sentences longer than `width` are folded; tables and commands are not."""
    sections = (
        _folded([headline(gate)], width),
        _checks(gate),
        _folded(_suspects(gate), width),
        list(_reproductions(report)),
        _folded((f"Note: {plain(note)}" for note in gate.notes), width),
        _folded((f"Caveat: {plain(caveat.text)}" for caveat in (*gate.caveats, *report.caveats)), width),
        [] if gate.outcome is Outcome.PASSED or not report.next_command else [f"Next: {plain(report.next_command)}"],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _folded(lines: Iterable[str], width: int | None) -> list[str]:
    """The lines, further ones below the text of their first."""
    if width is None:
        return list(lines)
    wrapper = textwrap.TextWrapper(
        max(width, _NARROWEST), subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False
    )
    return [part for line in lines for part in wrapper.wrap(line)]


def headline(gate: Gate) -> str:
    """`FAILED  1 of 12 checks: POST /upload keeps ...`."""
    word, total = _WORDS[gate.outcome], len(gate.checks)
    if gate.outcome is Outcome.PASSED:
        accepted = len(gate.of(Outcome.ACCEPTED))
        known = f", {accepted} of them by leaks that are known" if accepted else ""
        return f"{word}  {_many(total, 'check')}{_against(gate)}{known}."
    found = gate.of(gate.outcome)
    return f"{word}  {len(found)} of {_many(total, 'check')}{_against(gate)}: {sentence(found[0])}."


def _against(gate: Gate) -> str:
    return "" if gate.reference is None else f" against {plain(gate.reference)}"


def sentence(check: Check) -> str:
    """Route and what was measured of it."""
    return f"{plain(check.route)} {plain(check.message)}"


def heads(gate: Gate) -> tuple[str, ...]:
    """Names of the columns that `cells` fills; the reference has one where there is any."""
    before = () if gate.reference is None else ("reference",)
    return ("limit", *before, "measured", "allowed")


def cells(gate: Gate, check: Check) -> tuple[str, ...]:
    """Limit, what was measured in the reference and now, and what is allowed."""
    before = () if gate.reference is None else (_before(check),)
    return (check.limit, *before, _measured(check), _allowed(check))


def _before(check: Check) -> str:
    """Without the interval, which stands in the message: a table with both is wider than a terminal."""
    if check.before is None:
        return ""
    if check.limit == "growth":
        return phrases.per_request(check.before.value, None)
    return _number(check, check.before.value)


def _measured(check: Check) -> str:
    """The number, in the unit of its limit."""
    if check.measured is None:
        return phrases.NOT_MEASURED
    if check.limit == "growth":
        return phrases.per_request(check.measured, check.interval)
    return _number(check, check.measured)


def _allowed(check: Check) -> str:
    """The limit, or how much more than in the reference is accepted."""
    return f"{'' if check.before is None else '+'}{_number(check, check.allowed)}"


def _number(check: Check, value: float) -> str:
    if check.limit in _PLAIN:
        return f"{max(0.0, value):.3g}"
    return phrases.size(value)


def _checks(gate: Gate) -> list[str]:
    """All but the limits that everybody has, as long as nothing is wrong with them."""
    told = [check for check in gate.checks if check.outcome in _WRONG or _is_told(check)]
    rows = ((check.outcome.value, check.route, *cells(gate, check)) for check in told)
    names = ("outcome", "route", *heads(gate))
    table = columns(names, rows, align="lll".ljust(len(names), "r"))
    rest = Counter(check.outcome.value for check in gate.checks if check not in told)
    return [*table, *(f"{outcome}, {_many(count, 'more limit')}" for outcome, count in rest.items())]


def _is_told(check: Check) -> bool:
    return check.limit not in _QUIET and check.outcome is not Outcome.NOT_MEASURED


def _suspects(gate: Gate) -> Iterator[str]:
    seen = []
    for check in gate.of(Outcome.FAILED, Outcome.UNDECIDED):
        seen += [suspect for suspect in check.suspects if suspect not in seen]
    for rank, suspect in enumerate(seen[:_SHOWN], start=1):
        yield f"{rank}. {' | '.join(plain(part) for part in phrases.dense(suspect))}"
        if suspect.advice:
            yield f"{_INDENT}{plain(suspect.advice)}"
        yield f"{_INDENT}fingerprint {plain(suspect.fingerprint)}"
    if len(seen) > _SHOWN:
        yield f"... and {_many(len(seen) - _SHOWN, 'more suspect')} in the report"


def _reproductions(report: Report) -> Iterator[str]:
    if report.reproductions:
        yield "The smallest workload that shows the leak still:"
    for found in report.reproductions:
        yield f"{plain(found.route)} | {plain(phrases.reproduced(found))} | fingerprint {plain(found.fingerprint)}"
        yield from (f"   {plain(line)}" for line in found.sent)
        yield f"   {plain(found.command or phrases.why_no_command(found))}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
