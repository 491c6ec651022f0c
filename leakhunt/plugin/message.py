"""What a test that did not pass has to say: the figure, the line, the holder, and what it rests on."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from leakhunt.analysis.error_rate import ERROR
from leakhunt.analysis.frames import is_application, short_file
from leakhunt.model.report import Growth, Interval, Suspect
from leakhunt.model.snapshot import Frame
from leakhunt.plugin.ours import runs_tests
from leakhunt.plugin.outcome import Outcome
from leakhunt.reports.phrases import plain
from leakhunt.units import format_size

_WIDTH: Final = 96
_LABEL: Final = 8
_MOST_SUSPECTS: Final = 3
_SHARE: Final = 0.05
"""Of what the heaviest suspect keeps, below which another is left out."""
_MOST_FRAMES: Final = 6
_RESOURCES: Final = {
    "threads": ("thread", "threads", "left running"),
    "descriptors": ("file descriptor", "file descriptors", "left open"),
}


def tell(outcome: Outcome) -> str:
    """The text, its first line the answer."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    if outcome.state == "undecided":
        yield from _undecided(outcome)
        return
    titles = list(_titles(outcome))
    yield titles[0]
    yield from titles[1:]
    if "max_growth" in outcome.broken:
        for suspect in _shown(outcome):
            yield ""
            yield from _suspect(outcome, suspect)
        yield ""
        yield from _prose("proof", _proof(outcome))
    yield from _caveats(outcome)


def _titles(outcome: Outcome) -> Iterator[str]:
    limits, route, unit = outcome.limits, outcome.route, outcome.unit
    if "max_growth" in outcome.broken:
        for growth in route.growths:
            if growth.signal in route.signals and growth.signal in _RESOURCES:
                yield f"leak: {_number(growth)} by each {unit}"
        if {"live", "blocks", "anonymous"} & set(route.signals) and route.bytes_per_request is not None:
            allowed = f"allowed: {limits.allowed('max_growth')}"
            span = _span(route.bytes_per_request_interval)
            yield f"leak: {format_size(route.bytes_per_request)} kept by each {unit}{span}; {allowed}"
    if "max_peak" in outcome.broken and limits.max_peak is not None:
        yield f"peak: {format_size(outcome.peak or 0)} needed by a {unit}; allowed: {limits.allowed('max_peak')}"
    if "max_kept" in outcome.broken and limits.max_kept is not None:
        kept = format_size(outcome.kept or 0)
        yield f"kept: {kept} after {outcome.calls} {unit}s; allowed: {limits.allowed('max_kept')}"


def _number(growth: Growth) -> str:
    one, many, left = _RESOURCES[growth.signal]
    count = f"{growth.per_request:.3g}"
    return f"{count} {one if count == '1' else many} {left}"


def _span(interval: Interval | None) -> str:
    if interval is None:
        return ""
    low, high = (format_size(end) for end in interval)
    return "" if low == high else f" (99 %: {low} to {high})"


def _suspect(outcome: Outcome, suspect: Suspect) -> Iterator[str]:
    yield from _place(suspect)
    if suspect.path is not None:
        number = suspect.count_per_request
        count = "" if number is None else f"  (+{number:.3g} {suspect.type} per {outcome.unit})"
        yield _row("holder", f"{suspect.path}{count}")
    elif suspect.bytes_per_request is not None:
        yield _row("holder", "not found")
    if len(_shown(outcome)) > 1 and suspect.bytes_per_request is not None:
        yield _row("keeps", f"{format_size(suspect.bytes_per_request)} per {outcome.unit}")
    yield from _stack(outcome, suspect)
    if suspect.advice:
        yield from _prose("advice", _in_unit(suspect.advice, outcome.unit))


def _shown(outcome: Outcome) -> tuple[Suspect, ...]:
    """The suspects worth a place: those that say something, and keep a fair share of what the heaviest keeps."""
    suspects = outcome.report.suspects
    found = [each for each in suspects if each.site or each.library or each.path] or list(suspects)
    least = _SHARE * max((each.bytes_per_request or 0.0 for each in found), default=0.0)
    return tuple(each for each in found if each.bytes_per_request is None or each.bytes_per_request >= least)[
        :_MOST_SUSPECTS
    ]


def _place(suspect: Suspect) -> Iterator[str]:
    site, library = suspect.site, suspect.library
    if site is not None:
        yield _row("line", f"{site.short or site.file}:{site.line} in {site.function}")
        if site.source:
            yield _row("", site.source)
    elif library is not None:
        yield _row("line", f"{library.package} {library.function}")
    else:
        yield _row("line", "not found")


def _stack(outcome: Outcome, suspect: Suspect) -> Iterator[str]:
    """How the line was come to, without those who called the test."""
    frames = list(takewhile(lambda frame: not runs_tests(frame), suspect.stack))
    while frames and not is_application(frames[-1]):
        frames.pop()
    if len(frames) < 2:
        return
    shown = [f"{_short(outcome, frame)}:{frame.line} {frame.function}" for frame in frames[:_MOST_FRAMES]]
    if len(frames) > len(shown):
        shown.append(f"and {len(frames) - len(shown)} more")
    for number, line in enumerate(shown):
        yield _row("" if number else "stack", line)


def _short(outcome: Outcome, frame: Frame) -> str:
    return short_file(frame.file, outcome.report.conditions) or frame.file


def _proof(outcome: Outcome) -> str:
    blocks = len({row.block for row in outcome.report.evidence if row.block is not None})
    return (
        f"{outcome.calls} {outcome.unit}s in {blocks} blocks of rounds, their numbers drawn by lottery: more "
        f"{outcome.unit}s keep more, in two blocks running. A false alarm comes in less than {ERROR:.0%} of checks."
    )


def _undecided(outcome: Outcome) -> Iterator[str]:
    route, unit, limits = outcome.route, outcome.unit, outcome.limits
    yield f"undecided: {outcome.calls} {unit}s prove neither that this leaks nor that it does not"
    for reason in route.reasons:
        yield from _prose("why", _in_unit(reason, unit))
    seen = route.minimum_detectable
    allow = "allow more (max_growth), " if limits.max_growth is not None else ""
    if seen is not None:
        yield from _prose("seen", f"the smallest leak that would have shown is {format_size(seen)} per {unit}")
    yield from _prose(
        "help",
        f"{allow}give it more time (time={limits.time * 4:g}), or keep apart what moves memory meanwhile: other "
        "threads, what is random. --leakhunt-undecided=skip does not fail such tests.",
    )
    yield from _caveats(outcome)


def _caveats(outcome: Outcome) -> Iterator[str]:
    for caveat in outcome.report.caveats:
        # Readings take time here that no budget counts; that is no sign of a busy machine.
        if caveat.code != "busy-machine":
            yield from _prose("caveat", caveat.text)


def _in_unit(text: str, unit: str) -> str:
    """Analysis speaks of requests."""
    return text if unit == "request" else re.sub(r"\brequest", unit, text)


def _row(label: str, text: str) -> str:
    """A label and a text that is not broken: a path, a line of code."""
    return f"  {label:<{_LABEL}}{plain(text)}"


def _prose(label: str, text: str) -> Iterator[str]:
    """A label and sentences that go on below themselves."""
    room = _WIDTH - _LABEL - 2
    wrapped = textwrap.wrap(plain(text), room, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(wrapped):
        yield _row("" if number else label, line)
