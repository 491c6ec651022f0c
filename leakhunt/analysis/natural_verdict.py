"""What is thought of an app that was looked at under its own traffic: SUSPECTED and NOT_SEEN, never LEAK or CLEAN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.thresholds import Thresholds
from leakhunt.analysis.traffic import LEAST_READINGS, SIGNALS, Association, Group, Traffic
from leakhunt.analysis.trend import trend
from leakhunt.analysis.verdict import flaws
from leakhunt.model.report import Judgement, Verdict
from leakhunt.model.run import Run
from leakhunt.model.view import Trend
from leakhunt.units import format_size

PROOF: Final = (
    "nothing was sent and nothing drawn by lottery, so this is no proof: a workload (--request, --upload) tells a leak "
    "from a cache that fills, and from what merely happens at the same time"
)
_BYTES: Final = ("anonymous", "malloc")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is thought of some routes, or of all together."""

    group: Group
    verdict: Verdict
    reasons: tuple[str, ...]
    signals: tuple[str, ...] = ()
    """Those that speak for growth, the weightiest first."""
    stopped: bool = False
    """Whether something rose at first and did not go on."""

    @property
    def basis(self) -> str | None:
        """The signal that its bytes are told by: anonymous memory, unless growth hides among what malloc has free."""
        found = self.group.associations
        rising = [signal for signal in _BYTES if signal in found and found[signal].interval[0] > 0]
        return next((signal for signal in (*rising, *_BYTES) if signal in found), None)

    @property
    def rate(self) -> Association | None:
        """Bytes per request."""
        return None if self.basis is None else self.group.associations[self.basis]


@dataclass(frozen=True, slots=True)
class Whole:
    """Anonymous memory of all workers together."""

    trend: Trend
    rises: bool
    """Whether it rose, and in the second half as in the first."""
    growth: float
    """Over all the time, in bytes."""


def judge_traffic(traffic: Traffic, thresholds: Thresholds) -> tuple[Opinion, ...]:
    """What is thought of each group of routes, suspected ones first, those with most growth before others."""
    if traffic.readings < LEAST_READINGS:
        return ()
    opinions = [_judge(group, thresholds) for group in traffic.groups]
    order = (Verdict.SUSPECTED, Verdict.INCONCLUSIVE, Verdict.NOT_SEEN)
    return tuple(sorted(opinions, key=lambda each: (order.index(each.verdict), -_weight(each))))


def read_whole(traffic: Traffic, thresholds: Thresholds) -> Whole | None:
    """How memory has grown, all judged lives together; None where there are too few readings for that."""
    by_round: dict[int, float] = {}
    times: dict[int, float] = {}
    for row in traffic.rows:
        by_round[row.round.index] = by_round.get(row.round.index, 0.0) + row.growth.get("anonymous", 0.0)
        times[row.round.index] = row.round.ended
    indexes = sorted(by_round)
    found = trend([times[index] for index in indexes], list(accumulate(by_round[index] for index in indexes)))
    if found is None:
        return None
    middle = len(indexes) // 2
    first, second = (sum(by_round[index] for index in half) for half in (indexes[:middle], indexes[middle:]))
    lasts = first > 0 and second >= thresholds.persistence * first
    return Whole(found, rises=found.rises and lasts, growth=first + second)


def _judge(group: Group, thresholds: Thresholds) -> Opinion:
    """SUSPECTED if some signal rose with its requests, by its budget at least, in both halves and not by chance."""
    if group.doubt is not None:
        return Opinion(group, Verdict.INCONCLUSIVE, (group.doubt,))
    floors = {"anonymous": thresholds.anonymous, "malloc": thresholds.live, "blocks": thresholds.blocks}
    known = [(signal, found) for signal in SIGNALS if (found := group.associations.get(signal)) is not None]
    lasting = tuple(
        signal
        for signal, found in known
        if found.low > 0 and found.per_request >= floors.get(signal, thresholds.resources) and _lasts(found, thresholds)
    )
    together = (wording.came_together(len(group.routes)),) if len(group.routes) > 1 else ()
    if lasting:
        told = tuple(_told(group, signal) for signal in lasting)
        return Opinion(group, Verdict.SUSPECTED, (*told, *together), lasting)
    stopped = tuple(
        wording.rose_at_first(signal, *found.halves)
        for signal, found in known
        if found.early > 0
        and found.halves[0] >= floors.get(signal, thresholds.resources)
        and not _lasts(found, thresholds)
    )
    return Opinion(group, Verdict.NOT_SEEN, (*stopped, _not_excluded(group), *together), (), bool(stopped))


def _lasts(found: Association, thresholds: Thresholds) -> bool:
    """Whether growth went on in the second half: a cache that fills, and what is loaded once, does not."""
    first, second = found.halves
    return first > 0 and second >= thresholds.persistence * first


def _told(group: Group, signal: str) -> str:
    found = group.associations[signal]
    return wording.rose_with_requests(signal, found.per_request, found.interval, group.requests)


def _not_excluded(group: Group) -> str:
    found = next((group.associations[signal] for signal in _BYTES if signal in group.associations), None)
    if found is None:
        return f"nothing rose over {group.requests} requests; how many bytes each keeps could not be read"
    at_most = format_size(max(found.interval[1], 0.0))
    return f"nothing was seen to rise over {group.requests} requests; up to {at_most} per request is not ruled out"


def _weight(opinion: Opinion) -> float:
    return 0.0 if opinion.rate is None else opinion.rate.per_request * opinion.group.requests


def natural_judgement(
    run: Run, traffic: Traffic, opinions: Sequence[Opinion], whole: Whole | None, thresholds: Thresholds
) -> Judgement:
    """SUSPECTED if any route is, or if memory as a whole rose; INCONCLUSIVE where nothing can be said at all."""
    problems, budgets = flaws(run), thresholds.as_mapping()
    suspected = [opinion for opinion in opinions if opinion.verdict is Verdict.SUSPECTED]
    told = [f"{opinion.group.name}: {opinion.reasons[0]}" for opinion in suspected]
    if whole is not None and whole.rises:
        told.append(_whole_told(whole.trend, any_route=bool(suspected)))
    if told:
        return Judgement(Verdict.SUSPECTED, (*told, *problems, PROOF), thresholds=budgets)
    doubt = _doubt(run, traffic, opinions, whole)
    if doubt is not None or any("died" in problem for problem in problems):
        return Judgement(Verdict.INCONCLUSIVE, (*filter(None, (doubt,)), *problems), thresholds=budgets)
    limits = [opinion.rate.detectable for opinion in opinions if opinion.rate is not None]
    smallest = max([thresholds.anonymous, *limits]) if limits else None
    reasons = (*_unseen(traffic, opinions, whole), *problems, PROOF)
    return Judgement(Verdict.NOT_SEEN, reasons, thresholds=budgets, minimum_detectable=smallest)


def _doubt(run: Run, traffic: Traffic, opinions: Sequence[Opinion], whole: Whole | None) -> str | None:
    """Why nothing at all can be said, if that is so."""
    counted = sum(traffic.requests.values())
    if traffic.readings < LEAST_READINGS:
        return f"there were {traffic.readings} readings, and it takes {LEAST_READINGS}: look on for longer"
    if not traffic.rows:
        return "no process that serves was read twice"
    if not counted and any(caveat.code == "no-agent" for caveat in run.caveats):
        return None if whole is not None else "requests could not be counted, and there were too few readings of memory"
    if not counted:
        return "no request was counted, and an app that rests shows no leak"
    if all(opinion.verdict is Verdict.INCONCLUSIVE for opinion in opinions):
        return f"none of {counted} requests tell anything: look on for longer, or at a busier time"
    return None


def _unseen(traffic: Traffic, opinions: Sequence[Opinion], whole: Whole | None) -> tuple[str, ...]:
    judged = [opinion for opinion in opinions if opinion.verdict is Verdict.NOT_SEEN]
    requests = sum(opinion.group.requests for opinion in judged)
    routes = sum(len(opinion.group.routes) for opinion in judged)
    reasons = [f"{opinion.group.name}: {opinion.reasons[0]}" for opinion in judged if opinion.stopped]
    if judged:
        plural = "route" if routes == 1 else "routes"
        reasons.append(f"nothing was seen to go on rising with the {requests} requests of {routes} {plural}")
    unjudged = sum(traffic.requests.values()) - requests
    if unjudged:
        reasons.append(f"{unjudged} requests of other routes were too few, or came too evenly, to tell anything by")
    if whole is not None:
        at_most = format_size(max(whole.trend.high, 0.0) * 60)
        reasons.append(f"growth of up to {at_most} per minute, all workers together, is not ruled out")
    return tuple(reasons)


def _whole_told(whole: Trend, *, any_route: bool) -> str:
    rate, low, high = (format_size(value * 60) for value in (whole.per_second, whole.low, whole.high))
    rest = "" if any_route else "; with which requests that comes, or whether with time, was not to be told"
    return f"all workers together: anonymous memory rose by {rate} per minute ({low} to {high}){rest}"
