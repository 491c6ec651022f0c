"""The verdict on the whole run, from those on its routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.background import idle_rate
from leakhunt.analysis.blocks import Experiment, memory_signal
from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.model.report import BackgroundReport, Judgement, RouteReport, Verdict
from leakhunt.model.run import BACKGROUND, EFFORT, Effort, Role, Run
from leakhunt.units import format_size

COMPLETE: Final = "complete"
_BACKGROUND: Final = 1024.0
"""Bytes per second from which idle growth is mentioned: less cannot be told in the seconds that a run rests."""
_CRASH: Final = re.compile(r"killed by|exit code [1-9]")
"""Deaths other than that of a worker whose server recycles it."""
_WEIGHT: Final = (Verdict.LEAK, Verdict.INCONCLUSIVE, Verdict.BOUNDED, Verdict.CLEAN)


def run_judgement(
    run: Run, experiment: Experiment, routes: Sequence[RouteReport], background: BackgroundReport | None = None
) -> Judgement:
    """LEAK if any route leaks, else INCONCLUSIVE if any is, else BOUNDED if any is, else CLEAN.

    What grows with time counts like a route where the idle rounds prove it.

    A leak that was proven stays proven however the run ended. Nothing else does: what stopped the run, or killed a
    worker, may be what was looked for.
    """
    verdicts = {route.verdict for route in routes}
    proven = background is not None and background.verdict in {Verdict.LEAK, Verdict.BOUNDED}
    if background is not None and proven and routes:
        verdicts.add(background.verdict)
    verdict = next((v for v in _WEIGHT if v in verdicts), Verdict.INCONCLUSIVE)
    problems = flaws(run)
    if verdict is not Verdict.LEAK and (problems or not experiment.blocks):
        verdict = Verdict.INCONCLUSIVE
    # What leaks was seen: how small a leak may be is a question about the others.
    unseen = [route for route in routes if route.verdict is not Verdict.LEAK] or list(routes)
    limits = [route.minimum_detectable for route in unseen]
    known = [limit for limit in limits if limit is not None]
    return Judgement(
        verdict,
        (*_with_time(experiment, background), *_reasons(experiment, routes, verdict), *problems)
        if proven
        else (*_reasons(experiment, routes, verdict), *problems, *_with_time(experiment, background)),
        provisional=run.plan.options.get(EFFORT) == Effort.QUICK,
        thresholds=experiment.thresholds.as_mapping(),
        minimum_detectable=max(known) if known and len(known) == len(limits) else None,
    )


def _reasons(experiment: Experiment, routes: Sequence[RouteReport], verdict: Verdict) -> list[str]:
    reasons = [f"{route.route}: {route.reasons[0]}" for route in routes if route.verdict is verdict and route.reasons]
    if verdict is Verdict.CLEAN:
        small = [f"{r.route}: {text}" for r in routes for text in r.reasons if text.endswith(wording.BELOW_BUDGET)]
        reasons = [_clean_reason(experiment, routes, small), *small]
    if not routes:
        reasons.append("no route was requested")
    return reasons


def flaws(run: Run) -> list[str]:
    """What kept the run from being whole."""
    found = []
    if run.outcome != COMPLETE:
        found.append(f"the run did not go to its end: {run.outcome or 'the recording stops'}")
    crashes = [
        worker.death
        for worker in run.workers
        if worker.role is Role.WORKER and worker.death is not None and _CRASH.match(worker.death)
    ]
    if crashes:
        found.append(f"workers that died while they were measured: {len(crashes)}, the last one {crashes[-1]}")
    return found


def _clean_reason(experiment: Experiment, routes: Sequence[RouteReport], small: Sequence[str]) -> str:
    requests = sum(row.requests for row in experiment.ledger.of_phase(*JUDGED_PHASES))
    kept = "keeps as much as the budget" if small else "keeps memory"
    return f"none of {len(routes)} routes {kept}, over {requests} requests in the verdict rounds"


def _with_time(experiment: Experiment, background: BackgroundReport | None) -> list[str]:
    if background is not None:
        return [f"{BACKGROUND}: {reason}" for reason in background.reasons]
    rows = experiment.ledger.of_phase(*JUDGED_PHASES)
    signal = memory_signal(rows)
    noise = max((block.noise(signal) for block in experiment.blocks), default=0.0) if signal else 0.0
    rate = idle_rate(experiment.ledger, signal, noise) if signal else None
    if not rate or rate < _BACKGROUND:
        return []
    return [f"grows by {format_size(rate)} per second while nothing is requested, which is no leak of a route"]
