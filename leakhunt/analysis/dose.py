"""What each route did to each signal, from rounds in which every route's number of requests was drawn by lottery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Final

from leakhunt.analysis.linear import Vector, dot, independent, orthonormal, residual
from leakhunt.analysis.permutation import PValue, attainable, permutation_p_values
from leakhunt.analysis.series import RoundGrowth
from leakhunt.analysis.student import quantile
from leakhunt.analysis.thresholds import SIGNALS
from leakhunt.model.report import Interval

_SPARE: Final = 4
"""Rounds that have to be left over before sizes of uploads are taken into account."""
_ROUNDING: Final = 1e-12
_CERTAIN: Final = 1.645
"""Standard errors below which a correlation lies but for one case in twenty."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth of one signal per request of one route."""

    per_request: float
    interval: Interval | None
    """At the confidence asked for, 99 % as a rule; None where no round is left over to measure the noise with."""
    p_value: PValue | None
    """Of the permutation test on the route's lottery; None where it was not asked for."""
    attainable: float
    """Smallest p-value that this lottery could have given."""
    requests: int
    """Requests of the route in these rounds."""
    total: float
    """Growth over all these rounds, whatever caused it."""
    allowance: float
    """How far noise alone may have moved `total`, at the same confidence."""

    @property
    def upper(self) -> float:
        """The largest growth per request that these rounds leave room for.

        Two bounds hold and the lower one counts: the upper end of the slope's interval, and the whole
        growth with its noise put down to this route alone. Requests that seem to give memory back say that
        something else grew by chance where they were few, and then their interval bounds nothing.
        """
        whole = (self.total + self.allowance) / self.requests
        return whole if self.interval is None or self.interval[1] < 0 else min(self.interval[1], whole)

    @property
    def detectable(self) -> float:
        """The smallest growth per request that these rounds tell from nothing.

        Half of the interval, because growth of that size still has an interval above zero; or what noise may have
        moved the whole by, if all of it were this route's: the lower one, as for `upper`.
        """
        whole = self.allowance / self.requests
        return whole if self.interval is None else min((self.interval[1] - self.interval[0]) / 2, whole)


@dataclass(frozen=True, slots=True)
class Separation:
    """One route set apart from all else that explains growth."""

    nuisance: tuple[Vector, ...]
    """Orthonormal basis of everything else: intercepts, the other routes, sizes of uploads."""
    own: Vector
    """What of the route's doses is left without it."""
    shared: tuple[Vector, ...]
    """The basis without the sizes of the route's own uploads."""
    companion: Vector | None
    """The sizes of the route's own uploads, which go with its doses when these are permuted."""


@dataclass(frozen=True)
class Lottery:
    """The doses of a stretch of rounds, and what growth they can be asked about."""

    routes: tuple[str, ...]
    rows: tuple[RoundGrowth, ...]
    sharing: int = 1
    """Routes of the run that share its error rate."""

    @cached_property
    def strata(self) -> tuple[int, ...]:
        """Block of every round: each has its own lottery and its own intercept."""
        return tuple(-1 if row.block is None else row.block for row in self.rows)

    @cached_property
    def separated(self) -> dict[str, Separation]:
        """Every route set apart from all else that explains growth.

        Routes whose doses the others already tell are absent: these rounds cannot separate them.
        """
        parts = {}
        for route in self.routes:
            column = self.doses(route)
            others = tuple(name for name in self.routes if name != route)
            shared = orthonormal([*self._intercepts(), *map(self.doses, others), *self.excess(others)])
            companion = next(iter(self.excess((route,))), None)
            nuisance = shared if companion is None else orthonormal([*shared, companion])
            own = residual(residual(column, nuisance), nuisance)
            if len(nuisance) + 1 < len(self.rows) and independent(own, column):
                parts[route] = Separation(nuisance, own, shared, companion)
        return parts

    def without(self, left_out: RoundGrowth | None) -> Lottery:
        """The same rounds but for one."""
        if left_out is None or left_out not in self.rows:
            return self
        return Lottery(self.routes, tuple(row for row in self.rows if row is not left_out), self.sharing)

    def doses(self, route: str) -> Vector:
        """Requests of one route, round by round."""
        return tuple(float(row.doses.get(route, 0)) for row in self.rows)

    def _intercepts(self) -> list[Vector]:
        # One process life is one source of background growth, so a round counts as many as it had.
        return [
            tuple(float(row.lives) if s == stratum else 0.0 for s, row in zip(self.strata, self.rows, strict=True))
            for stratum in dict.fromkeys(self.strata)
        ]

    def excess(self, routes: Sequence[str]) -> list[Vector]:
        """Upload bytes beyond the average, of those routes whose uploads differ in size.

        Only where enough rounds are left over: a column costs a degree of freedom.
        """
        varying = [route for route in routes if any(row.excess.get(route) for row in self.rows)]
        varied = sum(any(row.excess.get(route) for row in self.rows) for route in self.routes)
        columns = len(set(self.strata)) + len(self.routes) + varied
        if len(self.rows) - columns < _SPARE:
            return []
        return [tuple(row.excess.get(route, 0.0) for row in self.rows) for route in varying]

    def growth(self, signal: str) -> Vector | None:
        """Growth of a signal, round by round; None unless it was read in every round."""
        if not all(signal in row.growth for row in self.rows):
            return None
        return tuple(row.growth[signal] for row in self.rows)

    @cached_property
    def _tested(self) -> dict[str, Mapping[str, PValue]]:
        return {}

    def p_values(self, route: str) -> Mapping[str, PValue]:
        """Every signal's p-values under the lottery of one route that these rounds tell from the others."""
        if route not in self._tested:
            parts = self.separated[route]
            growths = {signal: growth for signal in SIGNALS if (growth := self.growth(signal)) is not None}
            self._tested[route] = permutation_p_values(
                self.doses(route),
                {signal: residual(growth, parts.shared) for signal, growth in growths.items()},
                parts.shared,
                self.strata,
                parts.companion,
                self.sharing,
            )
        return self._tested[route]

    def slope(
        self, route: str, signal: str, *, test_above: float | None = None, confidence: float = 0.99
    ) -> Slope | None:
        """Partial slope of a signal on a route's doses by ordinary least squares, one intercept per block.

        The permutation test is made where the slope reaches `test_above`. None where the signal was not
        read, or the rounds cannot tell the route from the others.
        """
        growth, parts = self.growth(signal), self.separated.get(route)
        if growth is None or parts is None or not self.rows:
            return None
        own, rest = parts.own, residual(growth, parts.nuisance)
        per_request = dot(own, rest) / dot(own, own)
        if dot(rest, rest) <= _ROUNDING * dot(growth, growth):
            per_request, rest = 0.0, (0.0,) * len(rest)
        doses = self.doses(route)
        test = test_above is not None and per_request >= test_above
        return Slope(
            per_request,
            _interval(per_request, rest, own, len(growth) - len(parts.nuisance) - 1, confidence),
            self.p_values(route)[signal] if test else None,
            attainable(doses, self.strata),
            round(sum(doses)),
            sum(growth),
            noise_allowance(growth, confidence),
        )

    def noise(self, signal: str) -> float:
        """Standard deviation of a round's growth that requests and blocks do not explain; 0 where none is left."""
        growth = self.growth(signal)
        basis = orthonormal([*self._intercepts(), *map(self.doses, self.routes), *self.excess(self.routes)])
        df = len(self.rows) - len(basis)
        if growth is None or df < 1:
            return 0.0
        rest = residual(growth, basis)
        return sqrt(dot(rest, rest) / df)

    def slopes_by_block(self, route: str, signal: str) -> tuple[float, ...] | None:
        """The route's slope in each block, when what the other routes do is the same in all of them.

        Estimates only: the sizes of the route's own uploads are taken out too, which no test could allow.
        """
        growth = self.growth(signal)
        if growth is None:
            return None
        doses = self.doses(route)
        own = [
            tuple(dose if s == stratum else 0.0 for s, dose in zip(self.strata, doses, strict=True))
            for stratum in dict.fromkeys(self.strata)
        ]
        others = [self.doses(name) for name in self.routes if name != route]
        shared = [*self._intercepts(), *others, *self.excess(self.routes)]
        found = []
        for column in own:
            basis = orthonormal([*shared, *(other for other in own if other is not column)])
            rest = residual(residual(column, basis), basis)
            if not independent(rest, column):
                return None
            found.append(dot(rest, growth) / dot(rest, rest))
        return tuple(found)


def noise_allowance(growth: Sequence[float], confidence: float = 0.99) -> float:
    """How far noise may have moved the sum of these growths, at a two-sided confidence.

    The variance of a sum of n terms that correlate with their neighbours only is
    n g0 + 2 (n - 1) g1 = g0 + (n - 1)(g0 + 2 g1), g0 and g1 the autocovariances at lag 0 and 1 (the first
    two terms of Bartlett's long-run variance). For a level that only jitters, g1 = -g0/2 and the sum
    telescopes to its two ends; for a random walk g1 = 0 and it spreads with the root of n. A few terms seem
    to jitter by chance, so g1 is credited only as far as it is certain: less by 1.645 g0 / sqrt(n), at 95 %.
    """
    n = len(growth)
    if n <= 1:
        return abs(sum(growth))
    mean = sum(growth) / n
    away = [value - mean for value in growth]
    g0 = dot(away, away) / (n - 1)
    g1 = dot(away[1:], away[:-1]) / (n - 1) + _CERTAIN * g0 / sqrt(n)
    return quantile(confidence, n - 1) * sqrt(g0 + (n - 1) * max(0.0, g0 + 2 * g1))


def _interval(slope: float, rest: Vector, own: Vector, df: int, confidence: float) -> Interval | None:
    if df < 1:
        return None
    left = max(0.0, dot(rest, rest) - slope * slope * dot(own, own))
    half = quantile(confidence, df) * sqrt(left / df / dot(own, own))
    return (slope - half, slope + half)
