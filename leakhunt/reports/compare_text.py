"""A comparison as plain text: what a terminal shows, for files, pipes and logs."""

from __future__ import annotations

from collections.abc import Iterator

from leakhunt.model.comparison import Comparison, SuspectChange
from leakhunt.reports import comparison_phrases as say
from leakhunt.reports.columns import columns
from leakhunt.reports.phrases import plain


def render(comparison: Comparison) -> str:
    """Answer, summary, suspects, tables, caveats."""
    sections = (
        _answer(comparison),
        columns(("", "before", "after", "change"), say.summary(comparison), align="lrrr"),
        [line for _, found in say.by_state(comparison) for each in found for line in _suspect(each)],
        columns(
            ("kept per request", "before", "after", "difference", ""),
            ((*row[:4], row[4].value) for row in say.rates(comparison)),
            align="lrrrl",
        ),
        columns(("peaks", "of one request", "per uploaded byte"), say.moments(comparison), align="lrr"),
        columns(("answers", "median", "95 % within", "as expected"), say.services(comparison), align="lrrr"),
        columns(
            ("RSS of", "processes", "at the start", "at the end", "at most"), say.memory(comparison), align="lrrrr"
        ),
        [f"Caveat: {plain(caveat.text)}" for caveat in comparison.caveats],
        [say.METHOD, say.UNJUDGED],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _answer(comparison: Comparison) -> list[str]:
    return [
        f"{say.word(comparison.change)}  {say.headline(comparison)}",
        *(f"  {plain(reason)}" for reason in comparison.reasons),
        f"before: {plain(say.side(comparison.before))}",
        f"after:  {plain(say.side(comparison.after))}",
    ]


def _suspect(change: SuspectChange) -> Iterator[str]:
    yield f"{change.state.value}: {' | '.join(plain(part) for part in say.suspect(change))}"
    matched = say.matched(change)
    if matched:
        yield f"  {plain(matched)}"
