"""Bytes kept per request: the estimate that is reported, as opposed to the slope that is tested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import Final

from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.linear import Vector, dot, independent, orthonormal, residual
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.analysis.student import quantile_99
from leakhunt.model.report import Interval
from leakhunt.model.run import Phase

_VAGUE: Final = 0.1
"""Half width of the interval, as a share of the rate, from which a better source is looked for."""


def growth_rate(lottery: Lottery, route: str, signal: str) -> tuple[float, Interval | None] | None:
    """Growth of a signal per request of a route, and its 99 % interval.

    Weighted least squares without an intercept, every round weighted by one over its requests. For a single
    route this is growth divided by requests, which on real leaks came within 1 % of the truth where the
    dose slope was off by up to 30 %: growth that misses its round (a container that is resized) is still in
    the sum. With several routes it is the same ratio once each round's growth is shared out among them.
    Leaving the intercept out puts background growth down to requests, so the slope with an intercept is
    used instead where the rounds prove an intercept.
    """
    growth = lottery.growth(signal)
    if growth is None or not lottery.rows or route not in lottery.separated:
        return None
    if _has_intercept(lottery, growth):
        slope = lottery.slope(route, signal)
        return None if slope is None else (slope.per_request, slope.interval)
    weights = tuple(1 / sqrt(row.dose) if row.dose else 0.0 for row in lottery.rows)
    columns = {name: _scale(lottery.doses(name), weights) for name in lottery.routes}
    columns |= {f"{i}": _scale(column, weights) for i, column in enumerate(lottery.excess(lottery.routes))}
    return _fit(columns, route, _scale(growth, weights))


def alone_rows(ledger: Ledger, route: str) -> tuple[tuple[RoundGrowth, ...], ...]:
    """The explain rounds in which a route ran alone, step by step.

    The first round of a step, and of a second pass over it, is left out: tracing and the step itself start with it.
    """
    passes: dict[tuple[str | None, int | None], list[RoundGrowth]] = defaultdict(list)
    for row in ledger.of_phase(Phase.EXPLAIN):
        if row.requests and row.doses.get(route) == row.requests:
            passes[row.alone, row.block].append(row)
    steps: dict[str | None, list[RoundGrowth]] = defaultdict(list)
    for (step, _), rows in passes.items():
        steps[step] += rows[1:]
    return tuple(map(tuple, steps.values()))


def alone_rate(ledger: Ledger, route: str, signal: str) -> tuple[float, Interval | None] | None:
    """The same from the explain rounds, in which the route ran alone.

    Tracing costs memory there, some percent of many small blocks and nothing of few large ones.
    """
    return rate_of([row for rows in alone_rows(ledger, route) for row in rows], route, signal)


def rate_of(rows: Sequence[RoundGrowth], route: str, signal: str) -> tuple[float, Interval | None] | None:
    """The same from rounds in which nothing else ran."""
    known = [row for row in rows if signal in row.growth]
    if not known:
        return None
    weights = tuple(1 / sqrt(row.requests) for row in known)
    doses = tuple(float(row.requests) for row in known)
    return _fit({route: _scale(doses, weights)}, route, _scale([row.growth[signal] for row in known], weights))


def better_rate(
    verdict: tuple[float, Interval | None] | None, alone: tuple[float, Interval | None] | None
) -> tuple[float, Interval | None] | None:
    """The verdict rounds' figure, unless they hardly know it and the route alone tells it more exactly."""
    if verdict is None or alone is None or alone[1] is None or alone[0] <= 0:
        return verdict
    known = verdict[1] is not None and _half(verdict[1]) <= _VAGUE * abs(verdict[0])
    closer = verdict[1] is None or _half(alone[1]) < _half(verdict[1])
    return alone if closer and not known else verdict


def _half(interval: Interval) -> float:
    return (interval[1] - interval[0]) / 2


def _fit(columns: dict[str, Vector], route: str, growth: Vector) -> tuple[float, Interval | None] | None:
    nuisance = orthonormal(column for name, column in columns.items() if name != route)
    own = residual(residual(columns[route], nuisance), nuisance)
    if not independent(own, columns[route]):
        return None
    rest = residual(growth, nuisance)
    rate = dot(own, rest) / dot(own, own)
    df = len(growth) - len(nuisance) - 1
    if df < 1:
        return rate, None
    left = max(0.0, dot(rest, rest) - rate * rate * dot(own, own))
    half = quantile_99(df) * sqrt(left / df / dot(own, own))
    return rate, (rate - half, rate + half)


def _has_intercept(lottery: Lottery, growth: Vector) -> bool:
    """Whether background growth per round is proven at 99 %."""
    lives = tuple(float(row.lives) for row in lottery.rows)
    columns = {name: lottery.doses(name) for name in lottery.routes} | {"": lives}
    fit = _fit(columns, "", growth)
    return fit is not None and fit[1] is not None and fit[1][0] > 0


def _scale(column: Sequence[float], weights: Vector) -> Vector:
    return tuple(value * weight for value, weight in zip(column, weights, strict=True))
