"""The words and figures that every format of a comparison shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Final

from leakhunt.model.comparison import (
    Change,
    Comparison,
    Difference,
    Pair,
    Rate,
    RateChange,
    SummaryRow,
    SuspectChange,
    SuspectState,
)
from leakhunt.model.report import Interval, Report
from leakhunt.reports import phrases
from leakhunt.reports.phrases import NOT_MEASURED
from leakhunt.units import format_duration, format_size

HEADLINES: Final[Mapping[Change, str]] = {
    Change.FIXED: "What leaked before keeps less than the budget now; nothing became worse.",
    Change.BETTER: "Less is kept than before, and nothing became worse.",
    Change.SAME: "Nothing has changed that counts.",
    Change.WORSE: "More is kept than before.",
    Change.NEW_LEAK: "Something leaks that did not leak before.",
    Change.NOT_SETTLED: "These runs do not tell whether something became worse.",
    Change.NOT_COMPARABLE: "There is nothing in both runs that could be compared.",
}
TONES: Final[Mapping[Change, str]] = {
    Change.FIXED: "clean",
    Change.BETTER: "clean",
    Change.SAME: "inconclusive",
    Change.WORSE: "leak",
    Change.NEW_LEAK: "leak",
    Change.NOT_SETTLED: "bounded",
    Change.NOT_COMPARABLE: "bounded",
}
"""The verdict whose colour a change has."""
STATE_TONES: Final[Mapping[SuspectState, str]] = {
    SuspectState.NEW: "leak",
    SuspectState.REMAINING: "bounded",
    SuspectState.NOT_SEEN: "inconclusive",
    SuspectState.FIXED: "clean",
}
STATES: Final[Mapping[SuspectState, str]] = {
    SuspectState.NEW: "New",
    SuspectState.REMAINING: "Remaining",
    SuspectState.NOT_SEEN: "Not seen any more, on a route that was not shown to be free of leaks",
    SuspectState.FIXED: "Fixed",
}
METHOD: Final = (
    "Intervals hold with 99 % confidence. That of a difference follows from those of both runs (the method of variance "
    "estimates recovery). A difference counts from the budget on."
)
UNJUDGED: Final = (
    "Levels of memory, peaks and response times are told, not judged: they depend on how many requests were sent, and "
    "on what else the machine had to do. Response times are those of the verdict rounds, and requests per second those "
    "of equal shares of all routes."
)
_LABELS: Final[Mapping[str, str]] = {
    "kept": "Kept per request, summed",
    "rss-start": "RSS of a worker, at start",
    "rss-end": "RSS of a worker, at end",
    "rss-most": "RSS of a worker, at most",
    "peak": "Peak of one request",
    "amplification": "Peak per uploaded byte",
    "response": "Time per request, summed",
    "throughput": "Requests per second",
    "expected": "Answered as expected",
}
_SIZES: Final = frozenset({"live", "anonymous"})
_NAMES: Final[Mapping[str, str]] = {
    "threads": "threads",
    "descriptors": "file descriptors",
    "temp_files": "temporary files",
}
_TWICE: Final = 2.0


def headline(comparison: Comparison) -> str:
    """What the change means, in one sentence."""
    return HEADLINES[comparison.change]


def word(change: Change) -> str:
    """`FIXED`, as large as a verdict."""
    return change.value.upper()


def side(report: Report) -> str:
    """`gunicorn 27.0.1, Python 3.11.7, seed 7, 2026-11-23T22:00:00Z`: what tells one run from the other."""
    server = report.conditions.get("server", report.plan.server)
    python = report.conditions.get("python")
    parts = (report.name, server, f"Python {python}" if python else None, f"seed {report.plan.seed}")
    return ", ".join(part for part in (*parts, report.started_at) if part)


def summary(comparison: Comparison, *, brief: bool = False) -> Iterator[tuple[str, str, str, str]]:
    """Measure, before, after, change: the lines of the table that tells all in short.

    Of workers it has the largest, of peaks as well; `brief` leaves intervals of differences out.
    """
    one, other = (each.judgement.verdict.value for each in (comparison.before, comparison.after))
    yield "Verdict", one, other, comparison.change.value
    for row in comparison.summary:
        if row.pair.before is not None or row.pair.after is not None:
            figures = (row.pair.before, row.pair.after)
            before, after = (_figure(row, *each) for each in zip(figures, row.intervals, strict=True))
            yield _LABELS[row.name], before, after, _by(row, brief=brief)
    requests = comparison.requests
    yield "Requests, verdict rounds", _whole(requests.before), _whole(requests.after), ""


def rates(comparison: Comparison) -> Iterator[tuple[str, str, str, str, Change]]:
    """Route, kept before, after, difference, and what became of it: one line for each signal."""
    for route in comparison.routes:
        for rate in route.rates:
            yield _subject(route.route, rate), *_rate(rate)
    if comparison.background is not None:
        yield "background, per second", *_rate(comparison.background)


def moments(comparison: Comparison, *, brief: bool = False) -> Iterator[tuple[str, str, str]]:
    """Route, what one request takes for a while, and how much that is per uploaded byte, where it was measured.

    `brief` leaves the interval of the difference out.
    """
    for route in comparison.routes:
        if route.peak.before is None and route.peak.after is None:
            continue
        told = route.amplification_difference
        certain = "" if told is None or brief else f" (by {_spread(told, '{:+.2f}')})"
        yield route.route, between(route.peak, phrases.size), between(route.amplification, phrases.ratio) + certain


def services(comparison: Comparison) -> Iterator[tuple[str, str, str, str]]:
    """Route, median response time, that of the slowest twentieth, share answered as expected."""
    for route in comparison.routes:
        told = route.service
        yield (
            route.route,
            between(told.median, _time),
            between(told.slow, _time),
            between(told.expected, share),
        )


def memory(comparison: Comparison) -> Iterator[tuple[str, str, str, str, str]]:
    """Role, processes, and the largest RSS at the start, at the end and at most."""
    for row in comparison.memory:
        start, end, most = (between(each, phrases.size) for each in (row.start, row.end, row.most))
        yield row.role, between(row.processes, _whole), start, end, most


def between(pair: Pair, say: Callable[[float | None], str]) -> str:
    """`58.7 MiB -> 60.1 MiB`, or one dash where neither was measured."""
    if pair.before is None and pair.after is None:
        return NOT_MEASURED
    return f"{say(pair.before)} -> {say(pair.after)}"


def suspect(change: SuspectChange) -> tuple[str, str, str, str, str]:
    """Route, kept before and after, what grows, line and holder, as of the later run that has it."""
    route, _, grown, place, holder = phrases.dense(change.latest)
    return route, kept(change), grown, place, holder


def kept(change: SuspectChange) -> str:
    """`+41.2 KiB/request -> +5.0 KiB/request`; of one that only one run has, what it kept there."""
    before, after = (None if each is None else phrases.kept_briefly(each) for each in (change.before, change.after))
    if before is None or after is None:
        return before or after or NOT_MEASURED
    return before if before == after else f"{before} -> {after}"


def matched(change: SuspectChange) -> str | None:
    """By what it was recognised, where that is not its fingerprint."""
    if change.matched_by in {None, "fingerprint"} or change.before is None or change.after is None:
        return None
    return f"recognised by its {change.matched_by}: {change.before.fingerprint} before, {change.after.fingerprint} now"


def by_state(comparison: Comparison) -> Iterator[tuple[SuspectState, tuple[SuspectChange, ...]]]:
    """The suspects of each state that has any."""
    for state in STATES:
        found = tuple(each for each in comparison.suspects if each.state is state)
        if found:
            yield state, found


def share(value: float | None) -> str:
    """`99.5 %`, or a dash; never rounded up to all."""
    if value is None:
        return NOT_MEASURED
    return "100 %" if value == 1 else f"{min(value, 0.9999) * 100:.2f} %"


def _subject(route: str, rate_change: RateChange) -> str:
    name = _NAMES.get(rate_change.signal)
    return route if name is None else f"{route}: {name}"


def _rate(rate_change: RateChange) -> tuple[str, str, str, Change]:
    before, after = (_amount(rate_change.signal, each) for each in (rate_change.before, rate_change.after))
    told = rate_change.difference
    moved = NOT_MEASURED if told is None else _amount(rate_change.signal, Rate(told.value, told.interval, leaks=False))
    return before, after, moved, rate_change.change


def _amount(signal: str, rate: Rate | None) -> str:
    if rate is None:
        return NOT_MEASURED
    interval = rate.interval if rate.interval is not None and all(map(isfinite, rate.interval)) else None
    if signal in _SIZES:
        return phrases.per_request(rate.value, interval)
    told = f"{rate.value:+.2f}"
    return told if interval is None else f"{told} ± {_half(rate.value, interval):.2g}"


def _half(value: float, interval: Interval) -> float:
    return max(interval[1] - value, value - interval[0], 0.0)


def _figure(row: SummaryRow, value: float | None, interval: Interval | None) -> str:
    if value is None:
        return NOT_MEASURED
    if row.name == "kept":
        return _amount("live", Rate(value, interval, leaks=False))
    if row.unit == "bytes":
        return format_size(value)
    if row.unit == "seconds":
        return _time(value)
    if row.unit == "ratio":
        return phrases.ratio(value)
    return share(value) if row.unit == "share" else f"{value:.3g}"


def _by(row: SummaryRow, *, brief: bool) -> str:
    """By how much it has changed: a difference with its interval, else in percent or as a multiple."""
    if row.difference is not None and not brief:
        return _amount("live", Rate(row.difference.value, row.difference.interval, leaks=False))
    ratio = row.pair.ratio
    if ratio is None or row.unit == "share":
        return ""
    percent = round((ratio - 1) * 100)
    return f"{ratio:.1f} times" if ratio >= _TWICE else f"{percent:+} %" if percent else "0 %"


def _spread(difference: Difference, form: str) -> str:
    if difference.interval is None or not all(map(isfinite, difference.interval)):
        return form.format(difference.value)
    return f"{form.format(difference.interval[0])} to {form.format(difference.interval[1])}"


def _time(value: float | None) -> str:
    """Like any duration, and to a tenth of a millisecond where it is that short."""
    if value is None:
        return NOT_MEASURED
    return f"{value * 1000:.2g} ms" if value < 0.01 else format_duration(value)


def _whole(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.0f}"
