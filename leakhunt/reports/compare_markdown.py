"""A comparison in Markdown: for the pull request that mends a leak, or adds one."""

from __future__ import annotations

from collections.abc import Iterator

from leakhunt.model.comparison import Comparison, SuspectChange
from leakhunt.reports import comparison_phrases as say
from leakhunt.reports.markdown import code, prose, table


def render(comparison: Comparison) -> str:
    """The comparison in GitHub's Markdown."""
    blocks = (
        f"# {say.word(comparison.change)}: {prose(comparison.after.name)}",
        f"**{say.headline(comparison)}**",
        "\n".join(f"- {prose(reason)}" for reason in comparison.reasons),
        _summary(comparison),
        _rates(comparison),
        _suspects(comparison),
        _moments(comparison),
        _services(comparison),
        _memory(comparison),
        _caveats(comparison),
        f"{say.METHOD} {say.UNJUDGED}",
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _summary(comparison: Comparison) -> str:
    one, other = (prose(say.side(each)) for each in (comparison.before, comparison.after))
    rows = table("Before and after", ("", "Before", "After", "Change"), say.summary(comparison), left=1)
    return f"{rows}\n\nBefore: {one}.\n\nAfter: {other}."


def _rates(comparison: Comparison) -> str:
    header = ("Route", "What became of it", "Before", "After", "Difference")
    rows = ((code(row[0]), f"**{row[4].value}**", *row[1:4]) for row in say.rates(comparison))
    return table("Kept per request", header, rows, left=2)


def _suspects(comparison: Comparison) -> str:
    blocks = []
    for state, found in say.by_state(comparison):
        lines = (line for each in found for line in _suspect(each))
        blocks.append("\n".join([f"### {say.STATES[state]}", "", *lines]))
    return "\n\n".join(["## Suspects", *blocks]) if blocks else ""


def _suspect(change: SuspectChange) -> Iterator[str]:
    route, kept, *rest = say.suspect(change)
    yield f"- {code(route)}: {kept}, {', '.join(map(code, rest))}, fingerprint {code(change.latest.fingerprint)}"
    matched = say.matched(change)
    if matched:
        yield f"    - {prose(matched)}"


def _moments(comparison: Comparison) -> str:
    rows = ((code(row[0]), *row[1:]) for row in say.moments(comparison))
    return table("Peaks", ("Route", "Peak of one request", "Per uploaded byte"), rows, left=1)


def _services(comparison: Comparison) -> str:
    header = ("Route", "Median response", "95 % within", "Answered as expected")
    return table("Answers", header, ((code(row[0]), *row[1:]) for row in say.services(comparison)), left=1)


def _memory(comparison: Comparison) -> str:
    header = ("Largest RSS of", "Processes", "At the start", "At the end", "At most")
    return table("Memory levels", header, ((prose(row[0]), *row[1:]) for row in say.memory(comparison)), left=1)


def _caveats(comparison: Comparison) -> str:
    lines = [f"- {prose(caveat.text)}" for caveat in comparison.caveats]
    return "\n".join(["## What makes the runs less comparable", "", *lines]) if lines else ""
