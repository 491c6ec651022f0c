"""The decision for one route: what its blocks, one after the other, allow to be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.background import background_share
from leakhunt.analysis.blocks import Experiment, memory_signal, resource_signals
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS
from leakhunt.model.report import Verdict

STATE_VERDICTS: Mapping[str, Verdict] = {
    "leak": Verdict.LEAK,
    "bounded": Verdict.BOUNDED,
    "clean": Verdict.CLEAN,
    "growing": Verdict.INCONCLUSIVE,
    "open": Verdict.INCONCLUSIVE,
    "unjudgeable": Verdict.INCONCLUSIVE,
}

_MEMORY: Final = ("live", "anonymous")
_WEIGHTIEST_FIRST: Final = ("live", "anonymous", "blocks", *RESOURCE_SIGNALS)


@dataclass(frozen=True, slots=True)
class RouteJudgement:
    """The state of one route and what it rests on."""

    route: str
    state: str
    """`leak`, `growing` (proven once, not yet twice), `clean`, `bounded`, `open` or `unjudgeable`."""
    reasons: tuple[str, ...]
    signals: tuple[str, ...] = ()
    """The signals that prove growth, the weightiest first."""
    slopes: Mapping[str, Slope] | None = None
    """Over the last two complete blocks."""
    bound: Slope | None = None
    """What a clean or bounded route keeps at most, over the blocks that bound it best."""

    @property
    def verdict(self) -> Verdict:
        """The word for the report."""
        return STATE_VERDICTS[self.state]


@dataclass(frozen=True, slots=True)
class _History:
    """A route through the blocks."""

    route: str
    numbers: tuple[int, ...]
    """Positions of its blocks in the experiment."""
    slopes: tuple[Mapping[str, Slope], ...]
    hits: tuple[frozenset[str], ...]


def judge_route(experiment: Experiment, route: str) -> RouteJudgement:
    """Judge one route from the complete blocks of an experiment.

    LEAK: the same signal hits in two blocks running, the second slope at least 0.6 of the first, and no
    later block takes it back. CLEAN is an equivalence result over the latest blocks without a hit; BOUNDED
    is the same after an earlier hit that kept much. Everything else is open, and says what would settle it.
    """
    if not experiment.blocks:
        return RouteJudgement(route, "open", (wording.NO_COMPLETE_BLOCK,))
    numbers = experiment.numbers(route)
    last = experiment.blocks[numbers[-1]]
    if route not in last.separated:
        return RouteJudgement(route, "open", (wording.not_separable(route, len(last.routes)),))
    slopes = tuple(experiment.slopes(experiment.blocks[number], route) for number in numbers)
    history = _History(route, numbers, slopes, tuple(experiment.hits(s) for s in slopes))
    window = {
        signal: slope
        for signal in experiment.thresholds.as_mapping()
        if (slope := experiment.window(route).slope(route, signal)) is not None
    }
    state, reasons, signals = _decide(experiment, history)
    bound = _clean_slope(experiment, history) if state in {"clean", "bounded"} else None
    return RouteJudgement(route, state, reasons, signals, window, bound)


def _decide(experiment: Experiment, history: _History) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    leaking = _leaking_signals(experiment, history)
    if leaking:
        return _judge_leak(experiment, history, leaking)
    if history.hits[-1]:
        signals = _ordered(history.hits[-1])
        return "growing", (wording.growing_once(signals[0], history.slopes[-1][signals[0]]),), signals
    doubts = _doubts(experiment, history)
    if not doubts:
        signal = memory_signal(experiment.blocks[history.numbers[-1]].rows)
        step = experiment.lone_step(signal) if signal is not None else None
        early = _early_growth(history)
        reasons = wording.clean(_clean_slope(experiment, history), step=step, signal=signal, early=early)
        return ("bounded" if _hazardous(experiment, history, early) else "clean"), reasons, ()
    return "open", doubts, ()


def _early_growth(history: _History) -> float | None:
    """Bytes kept up to the block in which growth stopped; None where nothing ever hit."""
    hit = [position for position, signals in enumerate(history.hits) if signals]
    if not hit:
        return None
    return sum(
        max([0.0, *(slope.per_request * slope.requests for name, slope in slopes.items() if name in _MEMORY)])
        for slopes in history.slopes[: hit[-1] + 2]
    )


def _hazardous(experiment: Experiment, history: _History, early: float | None) -> bool:
    """Whether growth that has stopped is worth a verdict of its own: much memory, or threads, descriptors, files."""
    if early is None:
        return False
    resources = any(signals & set(RESOURCE_SIGNALS) for signals in history.hits)
    return resources or early >= experiment.thresholds.hazard


def _judge_leak(
    experiment: Experiment, history: _History, signals: tuple[str, ...]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    window = experiment.window(history.route)
    shares = {signal: background_share(experiment.ledger, window, signal) for signal in signals}
    mine = tuple(s for s in signals if shares[s] < experiment.thresholds.background_share)
    if not mine:
        return "open", (wording.background(signals[0], shares[signals[0]]),), ()
    requests = sum(slopes[mine[0]].requests for slopes in history.slopes if mine[0] in slopes)
    steps = {s: window.slopes_by_block(history.route, s) or () for s in mine}
    return "leak", wording.leak(steps, requests), mine


def _leaking_signals(experiment: Experiment, history: _History) -> tuple[str, ...]:
    found: list[str] = []
    for signal in _WEIGHTIEST_FIRST:
        # Anonymous memory repeats what live bytes have proven; the joint test is too dear to repeat with it.
        joint = signal != "blocks" and not (signal == "anonymous" and "live" in found)
        pairs = range(len(history.hits) - 1, 0, -1)
        if any(_leaks(experiment, history, signal, last, joint=joint) for last in pairs):
            found.append(signal)
    return tuple(found)


def _leaks(experiment: Experiment, history: _History, signal: str, last: int, *, joint: bool) -> bool:
    """Whether a signal hit in block `last` and the one before, and growth went on from there."""
    if not _persists(experiment, history, signal, last):
        return False
    both = signal in history.hits[last] & history.hits[last - 1]
    return both or (joint and _joint_hit(experiment, history, signal, last))


def _persists(experiment: Experiment, history: _History, signal: str, last: int) -> bool:
    """Whether growth reached the budget in both blocks, and went on at the same pace up to the end of the run."""
    slopes = experiment.join(history.numbers[last - 1 :]).slopes_by_block(history.route, signal)
    thresholds = experiment.thresholds
    if slopes is None or min(slopes[:2]) < thresholds.of(signal):
        return False
    first, second, *later = slopes
    return second >= thresholds.persistence * first and all(s >= thresholds.persistence * second for s in later)


def _joint_hit(experiment: Experiment, history: _History, signal: str, last: int) -> bool:
    """Two blocks taken together: the power that few rounds lack when many routes have to be told apart."""
    pair = experiment.join(history.numbers[last - 1 : last + 1])
    slope = pair.slope(history.route, signal, test_above=experiment.thresholds.of(signal))
    return slope is not None and slope.p_value is not None and slope.p_value <= experiment.thresholds.joint_significance


def _doubts(experiment: Experiment, history: _History) -> tuple[str, ...]:
    """Why the route cannot be called clean; empty if it can."""
    thresholds = experiment.thresholds
    signal = memory_signal(experiment.blocks[history.numbers[-1]].rows)
    slope = _clean_slope(experiment, history)
    if signal is None or slope is None:
        return (wording.NO_MEMORY_SIGNAL,)
    doubts = []
    if slope.upper >= thresholds.of(signal) and not _ceiling(experiment, history, signal):
        doubts.append(wording.not_settled(signal, slope, thresholds.of(signal)))
    others = resource_signals(history.slopes[-1])
    if signal == "live" and "anonymous" in history.slopes[-1]:
        others = {**others, "anonymous": history.slopes[-1]["anonymous"]}
    for name, other in others.items():
        # A signal that moves in steps of its own only has to show no evidence against the route.
        if (
            other.upper >= thresholds.of(name)
            and other.p_value is not None
            and other.p_value <= 2 * thresholds.significance
        ):
            doubts.append(wording.suspicious(name, other))
    return tuple(doubts)


def _clean_slope(experiment: Experiment, history: _History) -> Slope | None:
    """The slope over the latest blocks without a hit, however many; of these stretches the one that bounds it best.

    The last block alone is free of what the earlier ones still warmed up, all of them together have the most requests.
    """
    signal = memory_signal(experiment.blocks[history.numbers[-1]].rows)
    if signal is None:
        return None
    quiet = len(tuple(takewhile(lambda hits: not hits, reversed(history.hits))))
    step = experiment.lone_step(signal)
    stretches = [experiment.join(history.numbers[-length:]).without(step) for length in range(1, quiet + 1)]
    slopes = [stretch.slope(history.route, signal) for stretch in stretches]
    return min((slope for slope in slopes if slope is not None), key=lambda slope: slope.upper, default=None)


def _ceiling(experiment: Experiment, history: _History, signal: str) -> bool:
    """Whether a long block reached no new maximum: the sign of a cache that fills and empties."""
    blocks = [experiment.blocks[number] for number in history.numbers]
    requests = sum(blocks[-1].doses(history.route))
    if requests < experiment.thresholds.ceiling_requests or len(blocks) == 1:
        return False
    level, earlier, latest = 0.0, 0.0, float("-inf")
    for block in blocks:
        for row in block.rows:
            level += row.growth.get(signal, 0.0)
            if block is blocks[-1]:
                latest = max(latest, level)
            else:
                earlier = max(earlier, level)
    return latest - earlier < experiment.thresholds.of(signal) * requests


def _ordered(signals: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(signals, key=_WEIGHTIEST_FIRST.index))
