"""The evidence tables and the totals: requests in, bytes kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from leakhunt.analysis.blocks import Experiment
from leakhunt.analysis.dose import Lottery
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.linear import Vector, dot, independent, orthonormal, residual
from leakhunt.analysis.series import JUDGED_PHASES, Ledger, RoundGrowth
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS
from leakhunt.model.report import EvidenceRow, RoundRow, RouteEvidence
from leakhunt.model.run import Phase
from leakhunt.units import Bytes

_SHOWN: Final = (Phase.WARM_UP, Phase.BASELINE, *JUDGED_PHASES, Phase.SETTLE)


@dataclass(frozen=True, slots=True)
class Shares:
    """What routes keep, each per request and per byte that its uploads exceed the average by."""

    requests: dict[str, float]
    excess: dict[str, float]

    def of(self, row: RoundGrowth) -> float:
        """Growth that these routes account for in one round."""
        by_requests = sum(share * row.doses.get(route, 0) for route, share in self.requests.items())
        return by_requests + sum(share * row.excess.get(route, 0.0) for route, share in self.excess.items())


@dataclass(frozen=True, slots=True)
class _Line:
    """One round of one route."""

    row: RoundGrowth
    requests: int
    kept: float


def evidence_rows(ledger: Ledger, signal: str | None) -> tuple[RoundRow, ...]:
    """One line per round up to the last settle; explain rounds are left out, tracing inflates them."""
    return tuple(_row(row, signal) for row in ledger.of_phase(*_SHOWN))


def route_evidence(experiment: Experiment, judgement: RouteJudgement, basis: str | None) -> RouteEvidence | None:
    """What one route kept, block by block and round by round; `basis` is the signal that its bytes are taken from.

    None where the rounds cannot tell the route from the others, or the signal was not read in all of them.
    """
    signal = next((name for name in judgement.signals[:1] if name in RESOURCE_SIGNALS), basis)
    numbers = experiment.numbers(judgement.route)
    if signal is None or not numbers:
        return None
    lottery = experiment.join(numbers)
    growth, shares = lottery.growth(signal), others_shares(experiment.window(judgement.route), judgement.route, signal)
    if growth is None or shares is None:
        return None
    lines = [
        _Line(row, round(row.doses.get(judgement.route, 0)), value - shares.of(row))
        for row, value in zip(lottery.rows, growth, strict=True)
    ]
    last = [line for line in lines if line.row.block == lottery.rows[-1].block and line.requests]
    return RouteEvidence(
        judgement.route,
        signal,
        tuple(_sum(1 + number, [line for line in lines if line.row.block == number]) for number in _blocks(lottery)),
        tuple(_sum(line.row.index, [line]) for line in sorted(last, key=lambda line: line.requests)),
    )


def others_shares(window: Lottery, route: str, signal: str) -> Shares | None:
    """What a request of each other route keeps, and each byte that it sends beyond the average.

    Fitted to the last two blocks of the route, which sizes are taken from: least squares without an intercept, every
    round weighted by one over its requests. Nothing is taken from the route itself: of one that is alone, the evidence
    is what was measured. None where the rounds cannot tell a route from the others.
    """
    growth = window.growth(signal)
    if growth is None:
        return None
    weights = tuple(1 / sqrt(row.requests) if row.requests else 0.0 for row in window.rows)
    doses = {name: window.doses(name) for name in window.routes}
    excess = {name: column for name in window.routes for column in window.excess((name,))}
    columns = [(doses, name) for name in doses] + [(excess, name) for name in excess]
    scaled = [_weighted(kind[name], weights) for kind, name in columns]
    fitted = Shares({}, {})
    for number, (kind, name) in enumerate(columns):
        share = _coefficient(scaled[number], scaled[:number] + scaled[number + 1 :], _weighted(growth, weights))
        if share is None:
            return None
        if name != route:
            (fitted.requests if kind is doses else fitted.excess)[name] = share
    return fitted


def total_growth(rows: Sequence[RoundGrowth], signal: str | None) -> Bytes | None:
    """Growth over these rounds; None where there are none that were measured."""
    values = [row.growth[signal] for row in rows if signal is not None and signal in row.growth]
    return round(sum(values)) if values else None


def _coefficient(column: Vector, others: Sequence[Vector], growth: Vector) -> float | None:
    """Of one column in the fit of all of them; None where the others already tell it."""
    basis = orthonormal(others)
    own = residual(residual(column, basis), basis)
    return dot(own, residual(growth, basis)) / dot(own, own) if independent(own, column) else None


def _weighted(column: Vector, weights: Vector) -> Vector:
    return tuple(value * weight for value, weight in zip(column, weights, strict=True))


def _blocks(lottery: Lottery) -> list[int]:
    return list(dict.fromkeys(row.block for row in lottery.rows if row.block is not None))


def _sum(number: int, lines: Sequence[_Line]) -> EvidenceRow:
    requests, kept = sum(line.requests for line in lines), sum(line.kept for line in lines)
    return EvidenceRow(number, requests, kept, kept / requests)


def _row(row: RoundGrowth, signal: str | None) -> RoundRow:
    growth = row.growth.get(signal) if signal is not None else None
    per_request = growth / row.requests if growth is not None and row.requests else None
    return RoundRow(row.index, row.phase, row.block, row.requests, growth, per_request)
