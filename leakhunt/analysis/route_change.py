"""One route of two runs: what it keeps, needs for a moment, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from leakhunt.analysis.difference import difference, judge_change, pair
from leakhunt.analysis.idle import BUSY
from leakhunt.analysis.service import Answers
from leakhunt.analysis.thresholds import DEFAULTS, RESOURCE_SIGNALS
from leakhunt.model.comparison import Change, Difference, Pair, Rate, RateChange, RouteChange, Service
from leakhunt.model.report import BackgroundReport, Interval, Report, RouteReport, Verdict

_MEMORY: Final = frozenset({"live", "anonymous", "blocks"})
_WORST_FIRST: Final = tuple(Change)
_Answers: TypeAlias = "tuple[Answers | None, Answers | None]"
Routes: TypeAlias = "tuple[RouteReport | None, RouteReport | None]"
_Side = TypeVar("_Side", RouteReport, Answers)
_SETTLED: Final = frozenset({Verdict.CLEAN, Verdict.BOUNDED, Verdict.LEAK})


def route_changes(
    before: Report, after: Report, answers: tuple[Mapping[str, Answers], Mapping[str, Answers]]
) -> tuple[RouteChange, ...]:
    """Every route of either run, the worst first."""
    one, other = ({each.route: each for each in report.routes} for report in (before, after))
    found = [
        _route_change(name, (one.get(name), other.get(name)), after, (answers[0].get(name), answers[1].get(name)))
        for name in dict.fromkeys((*other, *one))
    ]
    return tuple(sorted(found, key=_rank))


def background_change(
    one: BackgroundReport | None, other: BackgroundReport | None, thresholds: Mapping[str, float]
) -> RateChange | None:
    """What grows with time, per second; None where neither run saw any such growth.

    A run looks closer only where memory seems to grow at rest. One that did not look has seen none, which rules out a
    small growth no more than that.
    """
    if one is None and other is None:
        return None
    basis = next((each.basis for each in (other, one) if each is not None and each.basis is not None), "live")
    budget = BUSY * thresholds.get(basis, DEFAULTS.of(basis))
    rates = _background_rate(one), _background_rate(other)
    if one is not None and other is not None:
        found = judge_change(basis, *rates, budget, "second")
        return found if other.verdict is Verdict.LEAK else replace(found, regression=False)
    bare = judge_change(basis, *rates, budget, "second")
    when = "before" if one is None else "after"
    unseen = f"the run {when} saw no growth at rest, and did not look closer"
    seen = other if one is None else one
    if seen is None or seen.verdict is not Verdict.LEAK:
        return replace(bare, change=Change.SAME, regression=False, reason=unseen)
    change = Change.NEW_LEAK if one is None else Change.BETTER
    return replace(bare, change=change, regression=one is None, reason=unseen)


def _background_rate(background: BackgroundReport | None) -> Rate | None:
    if background is None or background.bytes_per_second is None:
        return None
    leaks, settled = background.verdict is Verdict.LEAK, background.verdict in _SETTLED
    return Rate(background.bytes_per_second, background.interval, leaks, settled)


def _route_change(name: str, routes: Routes, after: Report, answers: _Answers) -> RouteChange:
    one, other = routes
    memory = memory_change(routes, after.judgement.thresholds)
    rates = (memory, *_resources(routes, after.judgement.thresholds))
    change, regression = _together(rates, other)
    return RouteChange(
        route=name,
        before=one.verdict if one else None,
        after=other.verdict if other else None,
        change=change,
        regression=regression,
        rates=rates,
        peak=_pair(routes, lambda route: route.peak_bytes_per_request),
        amplification=_pair(routes, lambda route: route.amplification),
        amplification_difference=_amplification(routes),
        service=_service(routes, answers),
    )


def memory_change(routes: Routes, thresholds: Mapping[str, float]) -> RateChange:
    """Bytes kept, by the same signal in both runs, and only where the requests did the same work."""
    signal, one, other = _common(routes)
    budget = thresholds.get(signal, DEFAULTS.of(signal))
    if None in routes:
        bare = judge_change(signal, one, other, budget)
        return replace(bare, reason=f"the run {'before' if routes[0] is None else 'after'} did not request it")
    unlike = _unlike_work(routes)
    if unlike is None:
        return judge_change(signal, one, other, budget)
    return RateChange(signal, one, other, None, Change.NOT_COMPARABLE, None, budget, unlike)


def _common(routes: Routes) -> tuple[str, Rate | None, Rate | None]:
    """The signal that both runs rest on; where these differ, anonymous memory, of which live bytes are a part."""
    one, other = routes
    bases = {route.bytes_per_request_basis for route in routes if route is not None}
    if len(bases - {None}) > 1:
        return "anonymous", grown(one, "anonymous"), grown(other, "anonymous")
    signal = next(iter(bases - {None}), None) or "live"
    return signal, _kept(one), _kept(other)


def _kept(route: RouteReport | None) -> Rate | None:
    """The figure of the report's table."""
    if route is None or route.bytes_per_request is None:
        return None
    return _rate(route, route.bytes_per_request, route.bytes_per_request_interval, bool(_MEMORY & {*route.signals}))


def grown(route: RouteReport | None, signal: str) -> Rate | None:
    """The slope of one signal."""
    growth = None if route is None else next((each for each in route.growths if each.signal == signal), None)
    if route is None or growth is None:
        return None
    leaks = bool(_MEMORY & {*route.signals}) if signal in _MEMORY else signal in route.signals
    return _rate(route, growth.per_request, growth.interval, leaks)


def _rate(route: RouteReport, value: float, interval: Interval | None, leaks: bool) -> Rate:
    return Rate(value, interval, leaks, route.verdict in _SETTLED)


def _resources(routes: Routes, thresholds: Mapping[str, float]) -> Iterator[RateChange]:
    """Threads, descriptors and files, where a run has proven that they are left behind."""
    for signal in RESOURCE_SIGNALS:
        if any(route is not None and signal in route.signals for route in routes):
            before, after = (grown(route, signal) for route in routes)
            yield judge_change(signal, before, after, thresholds.get(signal, DEFAULTS.of(signal)))


def _together(rates: tuple[RateChange, ...], after: RouteReport | None) -> tuple[Change, bool | None]:
    """One word for all signals: the worst; none is fixed as long as the route leaks anything."""
    change = min((rate.change for rate in rates), key=_WORST_FIRST.index)
    if change is Change.FIXED and (after is None or after.verdict is Verdict.LEAK):
        change = Change.BETTER
    return change, worst(rate.regression for rate in rates)


def worst(regressions: Iterable[bool | None]) -> bool | None:
    """True where any is, else None where any cannot be told."""
    found = set(regressions)
    return True if True in found else None if None in found else False


def _unlike_work(routes: Routes) -> str | None:
    """Why the requests of both runs did not do the same; None where nothing says so."""
    one, other = routes
    if one is None or other is None:
        return None
    for when, route in (("before", one), ("after", other)):
        if route.unexpected > DEFAULTS.unexpected * max(route.requests, 1):
            share = route.unexpected / max(route.requests, 1)
            return f"{share:.0%} of the responses {when} were unexpected, so the route did not do its work"
    kinds = [_kind(route) for route in (one, other)]
    if None not in kinds and kinds[0] != kinds[1]:
        return f"it was answered by {_usual(one)} before and by {_usual(other)} after"
    return None


def _usual(route: RouteReport) -> str | None:
    """The commonest status."""
    return max(route.statuses, key=lambda status: route.statuses[status], default=None)


def _kind(route: RouteReport) -> str | None:
    """Its first digit: a success, a redirection, a refusal."""
    usual = _usual(route)
    return None if usual is None else usual[:1]


def _amplification(routes: Routes) -> Difference | None:
    one, other = routes
    if one is None or other is None or one.amplification is None or other.amplification is None:
        return None
    rates = (Rate(each.amplification or 0.0, each.amplification_interval, False) for each in (one, other))
    return difference(*rates)


def _service(routes: Routes, answers: _Answers) -> Service:
    return Service(
        median=_pair(answers, lambda found: found.median),
        slow=_pair(answers, lambda found: found.slow),
        expected=_pair(routes, lambda route: 1 - route.unexpected / route.requests if route.requests else None),
    )


def _pair(sides: tuple[_Side | None, _Side | None], read: Callable[[_Side], float | None]) -> Pair:
    """One figure of either side."""
    return pair(*(None if side is None else read(side) for side in sides))


def _rank(change: RouteChange) -> tuple[int, float]:
    rates = [rate.value for rate in (change.memory.before, change.memory.after) if rate is not None]
    return _WORST_FIRST.index(change.change), -max(rates, default=0.0)
