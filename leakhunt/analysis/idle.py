"""What grows with time: the idle rounds, judged by the same test as the requests of a route.

The dose of an idle round is a number of seconds, drawn by lottery. So growth that comes with time is proven as growth
that comes with requests is, and what is proven is taken off the rounds that routes are judged by: a timer that fills a
list does so during requests, too, and longest in the rounds with most of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.background import idle_rate
from leakhunt.analysis.blocks import Experiment, memory_signal, read_experiment
from leakhunt.analysis.judge import STATE_VERDICTS, RouteJudgement, judge_route
from leakhunt.analysis.rate import growth_rate
from leakhunt.analysis.series import JUDGED_PHASES, Ledger, RoundGrowth, read_ledger
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS, SIGNALS, Thresholds
from leakhunt.model.report import BackgroundReport, RouteReport
from leakhunt.model.run import BACKGROUND, Phase, Run
from leakhunt.units import format_size

BUSY: Final = 20.0
"""Requests per second for which the budget of a route is that of a second: the load of a busy worker."""


@dataclass(frozen=True, slots=True)
class Idle:
    """The idle rounds of a run, and what they say."""

    experiment: Experiment
    """With BACKGROUND as its one route, and seconds as its doses."""
    judgement: RouteJudgement
    rates: Mapping[str, float]
    """Growth per second by signal, where it is proven; else nothing."""


def per_second(thresholds: Thresholds) -> Thresholds:
    """Growth per second that is a leak: what a busy worker keeps with requests of just the budget.

    Threads, descriptors and files have the same number as budget: two of them in a hundred seconds.
    """
    return replace(
        thresholds,
        live=thresholds.live * BUSY,
        blocks=thresholds.blocks * BUSY,
        anonymous=thresholds.anonymous * BUSY,
    )


def grows_at_rest(ledger: Ledger, thresholds: Thresholds) -> bool:
    """Whether memory seemed to grow in the seconds without load that every run has, so that a closer look pays."""
    signal = memory_signal(ledger.of_phase(*JUDGED_PHASES))
    rate = idle_rate(ledger, signal) if signal is not None else None
    return rate is not None and signal is not None and rate >= per_second(thresholds).of(signal)


def read_run(run: Run, thresholds: Thresholds) -> tuple[Experiment, Idle | None]:
    """The experiment on the routes, less what grows with time; and that, if there were idle rounds."""
    ledger = read_ledger(run, thresholds)
    idle = judge_idle(ledger, thresholds)
    return read_experiment(ledger if idle is None else without(ledger, idle.rates), thresholds), idle


def judge_idle(ledger: Ledger, thresholds: Thresholds) -> Idle | None:
    """What the idle rounds prove; None if there is no whole block of them."""
    rows = tuple(_as_dose(row) for row in ledger.of_phase(Phase.IDLE))
    mine = Ledger((BACKGROUND,), rows, ledger.judged, ledger.short)
    experiment = read_experiment(mine, per_second(thresholds))
    if not experiment.blocks:
        return None
    judgement = judge_route(experiment, BACKGROUND)
    window = experiment.window(BACKGROUND)
    rates = {signal: growth_rate(window, BACKGROUND, signal) for signal in SIGNALS}
    proven = {
        signal: known[0]
        for signal, known in rates.items()
        if judgement.state == "leak" and known is not None and known[1] is not None and known[1][0] > 0
    }
    return Idle(experiment, judgement, proven)


def without(ledger: Ledger, rates: Mapping[str, float]) -> Ledger:
    """The ledger with this growth per second taken off every round."""
    if not rates:
        return ledger
    return replace(ledger, rounds=tuple(_less(row, rates) for row in ledger.rounds), taken=rates)


def background_report(idle: Idle, judgement: RouteJudgement, rate: RouteReport) -> BackgroundReport:
    """The row of what grows with time; `judgement` is the final one, and `rate` its figures."""
    rows = [row for block in idle.experiment.blocks for row in block.rows]
    seconds = sum(row.seconds for row in rows)
    return BackgroundReport(
        STATE_VERDICTS[judgement.state],
        (wording.idle(judgement.state, _grown(judgement, rate), seconds), *_added(idle, judgement)),
        seconds,
        rate.bytes_per_request,
        rate.bytes_per_request_interval,
        rate.bytes_per_request_basis,
    )


def _grown(judgement: RouteJudgement, rate: RouteReport) -> str:
    """The amount per second: bytes, unless it is threads, descriptors or files alone that prove the growth."""
    signal = next(iter(judgement.signals), None)
    if signal in RESOURCE_SIGNALS and judgement.slopes is not None:
        return wording.amount(signal, judgement.slopes[signal].per_request)
    return format_size(rate.bytes_per_request or 0.0)


def _added(idle: Idle, judgement: RouteJudgement) -> tuple[str, ...]:
    """What the explain rounds have added to the reasons."""
    return tuple(reason for reason in judgement.reasons if reason not in idle.judgement.reasons)


def _as_dose(row: RoundGrowth) -> RoundGrowth:
    return replace(row, phase=Phase.DOSE, doses={BACKGROUND: row.seconds})


def _less(row: RoundGrowth, rates: Mapping[str, float]) -> RoundGrowth:
    growth = {signal: size - rates.get(signal, 0.0) * row.seconds for signal, size in row.growth.items()}
    return replace(row, growth=growth)
