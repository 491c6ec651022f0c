"""The difference of two rates that were measured apart, and whether it counts.

`judge_change` needs no run and no report: two rates with their intervals, wherever they come from.
"""

from __future__ import annotations

from dataclasses import replace
from math import hypot, inf, isfinite
from typing import Final

from leakhunt.model.comparison import Change, Difference, Pair, Rate, RateChange
from leakhunt.model.report import Interval
from leakhunt.units import format_size

_BIAS: Final = 0.02
"""Estimates come within 1 % of the truth whatever their intervals say (`rate.growth_rate`): two may differ by twice
that, and nothing has changed."""
_ALIKE: Final = 0.1
"""Share of a leak by which it may differ without having changed, where no difference is proven."""
_NONE: Final[Interval] = (-inf, inf)


def difference(before: Rate, after: Rate) -> Difference:
    """After less before, with the 99 % interval that follows from theirs.

    The method of variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702): each end
    of the interval lies away from the difference by the root of the squared distances of the two ends that lead
    there. It takes intervals that are not symmetric, as a clean route's from zero up to its bound. For intervals of
    Student's t it is a little wider than Welch's, since it takes the weighted mean of the squares of both quantiles,
    where Welch takes one quantile of degrees of freedom that lie between.
    """
    value = after.value - before.value
    if before.interval is None or after.interval is None:
        return Difference(value, None)
    down = hypot(after.value - after.interval[0], before.interval[1] - before.value)
    up = hypot(after.interval[1] - after.value, before.value - before.interval[0])
    return Difference(value, (value - down, value + up))


def pair(before: float | None, after: float | None) -> Pair:
    """One figure of both runs, and how many times as much it is after."""
    if before is None or after is None or before <= 0:
        return Pair(before, after)
    return Pair(before, after, after / before)


def judge_change(
    signal: str, before: Rate | None, after: Rate | None, budget: float, unit: str = "request"
) -> RateChange:
    """What became of a rate per `unit`; `budget` is the growth below which no difference counts.

    A difference is proven by its interval, or by two verdicts that exclude each other. It counts from the budget on,
    and from the share of the larger rate that estimates are good for. Nothing is called the same, or fixed, for want
    of proof: that takes an interval that leaves no room.
    """
    if before is None or after is None:
        # Whatever it was before, what is shown to be no leak after is no regression.
        regression = False if after is not None and below(after, budget) else None
        reason = _missing(before, after)
        return RateChange(signal, before, after, None, Change.NOT_COMPARABLE, regression, budget, reason)
    apart = difference(before, after)
    change, regression = _decide(before, after, apart, budget)
    found = RateChange(signal, before, after, apart, change, regression, budget, "")
    return replace(found, reason=_reason(found, unit))


def below(rate: Rate, budget: float) -> bool:
    """Whether a rate is shown to be no leak: settled, and its upper bound below the budget."""
    return rate.settled and not rate.leaks and rate.interval is not None and rate.interval[1] < budget


def _decide(before: Rate, after: Rate, found: Difference, budget: float) -> tuple[Change, bool | None]:
    low, high = found.interval or _NONE
    counts = max(budget, _BIAS * max(abs(before.value), abs(after.value)))
    # What is given back is noise: a rate below zero makes no other one large.
    grown, shrunk = min(found.value, after.value), min(-found.value, before.value)
    appeared = below(before, budget) and after.leaks
    vanished = before.leaks and below(after, budget)
    if grown >= counts and (low > 0 or appeared):
        return (Change.NEW_LEAK if appeared else Change.WORSE), True
    if shrunk >= counts and (high < 0 or vanished):
        return (Change.FIXED if vanished else Change.BETTER), False
    alike = max(budget, _ALIKE * abs(before.value))
    if low > -alike and high < alike:
        return Change.SAME, False
    return Change.NOT_SETTLED, False if below(after, budget) or high < alike else None


def _missing(before: Rate | None, after: Rate | None) -> str:
    if before is None and after is None:
        return "measured in neither run"
    return f"measured {'before' if after is None else 'after'} only"


def _reason(found: RateChange, unit: str) -> str:
    """`+41.2 KiB ± 2.0 KiB -> 0 B ± 0.3 B per request`, and what follows."""
    assert found.before is not None
    assert found.after is not None
    assert found.difference is not None
    told = f"{_rate(found.signal, found.before)} -> {_rate(found.signal, found.after)} per {unit}"
    if found.difference.interval is None:
        return f"{told}; one of the runs has no interval for it, so the difference has none either"
    low, high = (amount(found.signal, end, signed=True) for end in found.difference.interval)
    if found.change is Change.SAME:
        return f"{told}; the difference, {low} to {high}, is no change that counts"
    if found.change is Change.NOT_SETTLED:
        return f"{told}; the difference, {low} to {high}, leaves room for both: longer runs would settle it"
    if found.change is Change.FIXED:
        return f"{told}, which is below the budget of {amount(found.signal, found.budget)}"
    return f"{told}, a difference of {low} to {high}"


def _rate(signal: str, rate: Rate) -> str:
    value = amount(signal, rate.value, signed=True)
    if rate.interval is None or not all(map(isfinite, rate.interval)):
        return value
    return f"{value} ± {amount(signal, max(rate.interval[1] - rate.value, rate.value - rate.interval[0], 0.0))}"


def amount(signal: str, value: float, *, signed: bool = False) -> str:
    """A size, or a number of threads, descriptors or files."""
    if signal in {"live", "anonymous"}:
        return format_size(value, signed=signed)
    return f"{value:+.3g}" if signed else f"{value:.3g}"
