"""What the experiment asks between two blocks: is it settled, and how far may the next block go?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.blocks import Experiment
from leakhunt.analysis.idle import read_run
from leakhunt.analysis.judge import RouteJudgement, judge_route
from leakhunt.analysis.responses import Responses, count_responses
from leakhunt.analysis.thresholds import SIGNALS, Thresholds, planned_thresholds
from leakhunt.model.run import Phase, Run

_MUCH: Final = 1024.0
"""Bytes per request from which an open route is looked at alone."""
_CEILING: Final = 5
"""How much more proof is wanted of a route that may hide a leak behind a store which fills and empties."""
_SETTLED: Final = frozenset({"leak", "clean", "bounded", "unjudgeable"})


@dataclass(frozen=True, slots=True)
class RouteState:
    """What is known of one route so far."""

    state: str
    """`leak`, `growing`, `clean`, `bounded`, `open` or `unjudgeable`."""
    growth: Mapping[str, float]
    """Growth per request by signal, over the last two complete blocks; negative growth is given as 0."""
    reasons: tuple[str, ...]
    proven: bool = True
    """False where so few requests were sent that a cache could still look like a leak, or a rare leak not have shown.

    More of them are worth some time, and no verdict depends on it.
    """

    @property
    def bytes_per_request(self) -> float:
        """Memory to expect for each further request: the larger of live and anonymous."""
        return max(self.growth.get("live", 0.0), self.growth.get("anonymous", 0.0))

    @property
    def suspicious(self) -> bool:
        """Whether rounds of the route alone are worth their time."""
        if self.state == "open":
            return self.bytes_per_request >= _MUCH
        return self.state in {"leak", "growing", "bounded"}


@dataclass(frozen=True, slots=True)
class Assessment:
    """All routes, and whether another block would change anything."""

    routes: Mapping[str, RouteState]
    background: RouteState | None = None
    """What the idle rounds say of growth with time, per second; None where there were none."""

    @property
    def settled(self) -> bool:
        """True when no route needs another block."""
        return all(state.state in _SETTLED and state.proven for state in self.routes.values())

    @property
    def suspicious(self) -> tuple[str, ...]:
        """Routes worth explaining, those that keep most first.

        Open routes that seem to keep much are among them: what their requests keep when they run alone can settle them.
        """
        found = [route for route, state in self.routes.items() if state.suspicious]
        return tuple(sorted(found, key=lambda route: -self.routes[route].bytes_per_request))

    def predicted_growth(self, doses: Mapping[str, int]) -> Mapping[str, float]:
        """By signal, how much these numbers of requests per route would make the target grow."""
        return {
            signal: sum(
                dose * self.routes[route].growth.get(signal, 0.0)
                for route, dose in doses.items()
                if route in self.routes
            )
            for signal in SIGNALS
        }


def assess(run: Run, thresholds: Thresholds | None = None) -> Assessment:
    """Judge what has been recorded so far. Pure: the same run gives the same answer."""
    thresholds = thresholds or planned_thresholds(run.plan)
    experiment, idle = read_run(run, thresholds)
    judgements = judge_routes(run, experiment)
    return Assessment(
        {route: _state(experiment, judgement) for route, judgement in judgements.items()},
        None if idle is None else _state(idle.experiment, idle.judgement),
    )


def judge_routes(run: Run, experiment: Experiment) -> Mapping[str, RouteJudgement]:
    """Every route of the workload, those that cannot be judged with the reason."""
    responses = count_responses(run)
    return {route: _judge(experiment, route, responses[route]) for route in experiment.ledger.routes}


def _judge(experiment: Experiment, route: str, responses: Responses) -> RouteJudgement:
    limit = experiment.thresholds.unexpected
    if responses.unexpected_share > limit:
        reason = wording.unexpected(responses.statuses, responses.unexpected_share)
        return RouteJudgement(route, "unjudgeable", (reason,))
    if not experiment.ledger.split_known:
        return RouteJudgement(route, "unjudgeable", (wording.SPLIT_UNKNOWN,))
    if experiment.blocks and route not in experiment.routes:
        requested = any(row.doses.get(route) for row in experiment.ledger.of_phase(Phase.DOSE))
        # Where workers come and go, a round in which all of them are new tells nothing, and its block is not whole.
        state, reason = ("open", wording.NO_COMPLETE_BLOCK) if requested else ("unjudgeable", wording.NO_REQUESTS)
        return RouteJudgement(route, state, (reason,))
    return judge_route(experiment, route)


def _state(experiment: Experiment, judgement: RouteJudgement) -> RouteState:
    slopes = judgement.slopes or {}
    growth = {signal: max(0.0, slope.per_request) for signal, slope in slopes.items()}
    proven = _proven(experiment, judgement)
    return RouteState(judgement.state, growth, judgement.reasons, proven)


def _proven(experiment: Experiment, judgement: RouteJudgement) -> bool:
    thresholds = experiment.thresholds
    requests = sum(sum(block.doses(judgement.route)) for block in experiment.blocks)
    if judgement.state in {"clean", "bounded"}:
        hidden = judgement.bound is not None and judgement.bound.swing is not None
        return requests >= thresholds.clean_requests * (_CEILING if hidden else 1)
    if judgement.state != "leak":
        return True
    if not {"live", "anonymous", "blocks"} & set(judgement.signals):
        return requests >= thresholds.resource_proof_requests
    rate = max((s.per_request for n, s in (judgement.slopes or {}).items() if n in {"live", "anonymous"}), default=0.0)
    # Less than any program keeps while it warms up proves little, after however many requests.
    kept = rate * requests
    return (requests >= thresholds.proof_requests and kept >= thresholds.hazard) or kept >= thresholds.proof_bytes
