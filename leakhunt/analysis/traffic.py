"""Growth set against requests that nobody has chosen: what an app's own traffic allows to be estimated.

In the experiment a lottery makes every route's requests independent of all else, and its p-values are exact. Here
requests come as they come. What is estimated is an association, and its interval holds as far as memory moves by chance
from one stretch of time to the next. It does not hold against whatever else happens when a route is requested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from leakhunt.analysis.series import Observation, observe
from leakhunt.analysis.student import quantile
from leakhunt.model.report import Interval
from leakhunt.model.run import Phase, Run

_Numbers: TypeAlias = NDArray[np.float64]

SIGNALS: Final = ("anonymous", "malloc", "blocks", "threads", "descriptors")
"""What can be read while the app goes on, the weightiest first."""
PIECES: Final = 10
"""Stretches of time, each of which is left out once."""
LEAST_READINGS: Final = 2 * PIECES
LEAST_REQUESTS: Final = 20
"""Requests of a route below which it is judged by none."""
_LEAST_PIECES: Final = 3.0
"""Stretches of time over which its requests have to vary."""
_MOST_ROUTES: Final = 40
"""Routes that are told apart, the most requested ones."""
_TOGETHER: Final = 0.95
"""Share of the variation of a route's requests that others explain, from which it cannot be told from them."""
_CONFIDENCE: Final = 0.99
_ERROR: Final = 0.01
"""Chance that one of all routes and signals is suspected where memory moves by chance alone."""
_PAGE: Final = 4096.0
"""The kernel accounts for memory by pages, so less than one cannot be told from none."""


@dataclass(frozen=True, slots=True)
class Association:
    """How much a signal grew by with each request of some routes that cannot be told from each other."""

    per_request: float
    interval: Interval
    """At 99 %."""
    low: float
    """The lower end of the interval that all routes and signals hold to together: above 0 it is no chance."""
    halves: tuple[float, float]
    """The same in the first and in the second half of the time."""
    early: float
    """As `low`, by the first half alone."""

    @property
    def detectable(self) -> float:
        """The smallest growth per request whose interval would lie above 0."""
        return self.per_request - self.low


@dataclass(frozen=True, slots=True)
class Group:
    """Routes whose requests came together, or a single one."""

    routes: tuple[str, ...]
    requests: int
    associations: Mapping[str, Association]
    """By signal; empty if its requests do not allow an estimate."""
    doubt: str | None = None
    """Why they do not."""

    @property
    def name(self) -> str:
        """As it stands where a route would."""
        return " and ".join(self.routes)


@dataclass(frozen=True)
class Traffic:
    """What the judged lives served and grew by, from each reading to the next."""

    rows: tuple[Observation, ...]
    routes: tuple[str, ...]
    readings: int

    @cached_property
    def requests(self) -> Counter[str]:
        """By route."""
        total: Counter[str] = Counter()
        for row in self.rows:
            total.update(row.doses)
        return total

    @property
    def lives(self) -> frozenset[str]:
        """Keys of the processes that the rows are of."""
        return frozenset(row.worker for row in self.rows)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """Those that were read every time."""
        return tuple(signal for signal in SIGNALS if self.rows and all(signal in row.growth for row in self.rows))

    @cached_property
    def rare(self) -> tuple[str, ...]:
        """Routes with too few requests, or beyond those that can be told apart."""
        often = [route for route, number in self.requests.most_common(_MOST_ROUTES) if number >= LEAST_REQUESTS]
        return tuple(route for route in self.routes if route not in often and self.requests[route])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every route that is not rare, those that cannot be told from each other as one; the most requested first."""
        often = [route for route in self.routes if self.requests[route] and route not in self.rare]
        together = _gather(often, {route: self._column((route,)) for route in often})
        return self._estimate(sorted(together, key=lambda routes: -sum(self.requests[each] for each in routes)))

    def _estimate(self, together: Sequence[tuple[str, ...]]) -> tuple[Group, ...]:
        growth = np.array([[row.growth[signal] for signal in self.signals] for row in self.rows]).reshape(
            len(self.rows), len(self.signals)
        )
        columns = [*(self._column(routes) for routes in together), self._seconds]
        if self.rare:
            columns.append(self._column(self.rare))
        fit = _Fit(np.array(columns).T, growth, self._pieces, len(together) * max(1, len(self.signals)))
        return tuple(self._group(fit, number, routes) for number, routes in enumerate(together))

    def _group(self, fit: _Fit, number: int, routes: tuple[str, ...]) -> Group:
        requests = sum(self.requests[route] for route in routes)
        spread = fit.spread(number)
        if spread < _LEAST_PIECES:
            doubt = f"its {requests} requests did not vary, or came all at once: nothing can be set against them"
            return Group(routes, requests, {}, doubt)
        floors = {"anonymous": _PAGE / requests}
        found = {
            signal: fit.association(number, column, spread, floors.get(signal, 0.0))
            for column, signal in enumerate(self.signals)
        }
        return Group(routes, requests, found)

    def _column(self, routes: Sequence[str]) -> _Numbers:
        return np.array([float(sum(row.doses.get(route, 0) for route in routes)) for row in self.rows])

    @property
    def _seconds(self) -> _Numbers:
        return np.array([row.seconds for row in self.rows])

    @cached_property
    def _pieces(self) -> _Numbers:
        """The stretch of time that each row belongs to."""
        first = min((row.round.index for row in self.rows), default=0)
        last = max((row.round.index for row in self.rows), default=0)
        return np.array([(row.round.index - first) * PIECES // (last - first + 1) for row in self.rows], dtype=float)


def read_traffic(run: Run) -> Traffic:
    """What is known of the workers that served, those aside that had just been born where others were not."""
    routes = tuple(dict.fromkeys(run.routes.values()))
    rows = [row for row in observe(run, routes) if row.round.phase is Phase.NATURAL and _answered(row)]
    settled = [row for row in rows if not row.young] or rows
    readings = sum(done.phase is Phase.NATURAL for done in run.rounds)
    return Traffic(tuple(settled), routes, readings)


def _answered(row: Observation) -> bool:
    """Whether its agent did, at both ends; without any agent there are no counts, and memory alone is known."""
    return all(dose >= 0 for dose in row.doses.values()) and ("blocks" in row.growth or not any(row.doses.values()))


def _gather(routes: Sequence[str], columns: Mapping[str, _Numbers]) -> list[tuple[str, ...]]:
    """Routes joined until each group's requests vary by themselves."""
    groups: list[tuple[str, ...]] = [(route,) for route in routes]
    while len(groups) > 1:
        table = np.array([sum(columns[route] for route in group) for group in groups]).T
        table = table - table.mean(axis=0)
        shares = [_explained(table, number) for number in range(len(groups))]
        worst = max(range(len(groups)), key=shares.__getitem__)
        if shares[worst] < _TOGETHER:
            break
        likeness = np.abs(table.T @ table[:, worst]) / np.maximum(np.sqrt((table**2).sum(axis=0)), 1e-12)
        likeness[worst] = -1.0
        other = int(likeness.argmax())
        joined = tuple(route for route in routes if route in (*groups[worst], *groups[other]))
        groups = [group for number, group in enumerate(groups) if number not in (worst, other)] + [joined]
    return groups


def _explained(table: _Numbers, number: int) -> float:
    """The share of one column's variation that the others account for."""
    own = table[:, number]
    total = float(own @ own)
    if total <= 0:
        return 0.0  # it does not vary at all, which is another matter
    others = np.delete(table, number, axis=1)
    rest = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
    return 1.0 - float(rest @ rest) / total


class _Fit:
    """Least squares for all signals at once, with all and with each stretch of time left out.

    Growths from one reading to the next are fitted, not levels: levels remember where they were, and two of them that
    drift look related for no reason (Granger and Newbold 1974). The spread of the estimates with one of ten stretches
    left out gives the error: the jackknife over clusters (Bell and McCaffrey 2002; MacKinnon, Nielsen and Webb 2023,
    "CV3"), which asks growths to be independent between stretches but not within, and is rather too large than too
    small where few stretches carry the variation. Student's t has as many degrees of freedom as stretches do carry it,
    less one (after Carter, Schnepel and Steigerwald 2017), which seldom is all ten.
    """

    def __init__(self, table: _Numbers, growth: _Numbers, pieces: _Numbers, tests: int) -> None:
        self._table = table
        self._pieces = pieces
        self._tests = tests
        early = pieces < PIECES / 2
        self._all = _solve(table, growth)
        self._errors = _jackknife(table, growth, pieces)
        self._halves = tuple(_solve(table[rows], growth[rows]) for rows in (early, ~early))
        self._early_errors = _jackknife(table[early], growth[early], pieces[early])

    def spread(self, number: int) -> float:
        """Over how many stretches of time a column varies beside all others: one that is all of it counts as one."""
        own = self._table[:, number]
        others = np.delete(self._table, number, axis=1)
        rest = own - others @ _solve(others, own[:, np.newaxis])[:, 0]
        if float(rest @ rest) <= 1e-9 * float(own @ own):
            return 0.0
        parts = np.array([float((rest[self._pieces == piece] ** 2).sum()) for piece in range(PIECES)])
        return float(parts.sum() ** 2 / (parts**2).sum())

    def association(self, number: int, signal: int, spread: float, floor: float) -> Association:
        """Of one column with one signal. No interval is narrower than `floor` to either side."""
        rate = float(self._all[number, signal])
        error, early_error = (float(each[number, signal]) for each in (self._errors, self._early_errors))
        freedom, early_freedom = (max(1, int(each) - 1) for each in (spread, spread / 2))
        together = 1 - 2 * _ERROR / self._tests
        half = max(quantile(_CONFIDENCE, freedom) * error, floor)
        low = rate - max(quantile(together, freedom) * error, floor)
        first, second = (float(each[number, signal]) for each in self._halves)
        early = first - max(quantile(together, early_freedom) * early_error, 2 * floor)
        return Association(rate, (rate - half, rate + half), low, (first, second), early)


def _jackknife(table: _Numbers, growth: _Numbers, pieces: _Numbers) -> _Numbers:
    """Standard errors of `_solve` from the spread of its results with one stretch of time left out."""
    kept = [pieces != piece for piece in sorted(set(pieces.tolist()))]
    apart = np.array([_solve(table[rows], growth[rows]) for rows in kept]) - _solve(table, growth)
    return np.asarray(np.sqrt((len(kept) - 1) / len(kept) * (apart**2).sum(axis=0)), dtype=np.float64)


def _solve(table: _Numbers, growth: _Numbers) -> _Numbers:
    """Least squares with columns of equal length, so that what counts as nothing does not depend on their units."""
    lengths = np.linalg.norm(table, axis=0)
    lengths[lengths == 0] = 1.0
    solution = np.linalg.lstsq(table / lengths, growth, rcond=1e-9)[0] / lengths[:, np.newaxis]
    return np.asarray(solution, dtype=np.float64)
