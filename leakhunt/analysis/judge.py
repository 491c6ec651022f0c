"""The decision for one route: what its blocks, one after the other, allow to be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.background import background_share
from leakhunt.analysis.blocks import Experiment, memory_signal, resource_signals
from leakhunt.analysis.bound import Bound, quiet_slope, read_bound
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.error_rate import ERROR, hit_level, joint_level
from leakhunt.analysis.release import released_share
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
    """The signals that prove growth, the weightiest first. An open route has some where most of it went on at rest."""
    slopes: Mapping[str, Slope] | None = None
    """Over the last two complete blocks."""
    bound: Bound | None = None
    """What a clean or bounded route keeps at most."""
    missed: Slope | None = None
    """Of an open route: the growth that could not be ruled out."""
    early: float | None = None
    """Of a clean or bounded route: bytes kept up to the block in which growth stopped; None where nothing ever grew."""

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

    LEAK: the same signal hits in two blocks running, each alone or both together, the second slope at least 0.6 of
    the first, and no later block takes it back. CLEAN is an equivalence result over the latest blocks without a hit;
    BOUNDED is the same after an earlier hit that kept much. Everything else is open, and says what would settle it.
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
    still = state in {"clean", "bounded"}
    bound = read_bound(experiment, route, _quiet(history)) if still else None
    early = _early_growth(history) if still else None
    signal = memory_signal(last.rows)
    missed = quiet_slope(experiment, route, signal, _quiet(history)) if state == "open" and signal is not None else None
    return RouteJudgement(route, state, reasons, signals, window, bound, missed, early)


def _decide(experiment: Experiment, history: _History) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    leaking = tuple(s for s in _leaking_signals(experiment, history) if _is_kept(experiment, history, s))
    if leaking:
        return _judge_leak(experiment, history, leaking)
    grown = frozenset(s for s in history.hits[-1] if _is_kept(experiment, history, s))
    if grown:
        signals = _ordered(grown)
        return "growing", (wording.growing_once(signals[0], history.slopes[-1][signals[0]]),), signals
    doubts = _doubts(experiment, history)
    if not doubts:
        signal = memory_signal(experiment.blocks[history.numbers[-1]].rows)
        step = experiment.lone_step(signal) if signal is not None else None
        early = _early_growth(history)
        small = _small_growths(experiment, history)
        bound = read_bound(experiment, history.route, _quiet(history))
        reasons = wording.clean(bound, step=step, signal=signal, early=early, small=small)
        late = [wording.released(s, share) for s, share in _released(experiment, history).items()]
        return ("bounded" if _hazardous(experiment, history, early) else "clean"), (*reasons, *late), ()
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
    kept = {s for signals in history.hits for s in signals if _is_kept(experiment, history, s)}
    resources = kept & set(RESOURCE_SIGNALS)
    return bool(resources) or min(early, _still_kept(history)) >= experiment.thresholds.hazard


def _still_kept(history: _History) -> float:
    """Bytes that the route keeps after all blocks: a store that is emptied when it is full keeps nothing for good.

    Live bytes tell it where they were read: what allocators keep of freed memory is used again.
    """
    signal = next((name for name in _MEMORY if name in history.slopes[-1]), "live")
    known = (slopes[signal] for slopes in history.slopes if signal in slopes)
    return sum(slope.per_request * slope.requests for slope in known)


def _small_growths(experiment: Experiment, history: _History) -> Mapping[str, Slope]:
    """Growth that the last two blocks prove and that is below the budget, by signal: no leak, and not to be hidden."""
    found = {}
    for signal in (*_MEMORY, *RESOURCE_SIGNALS):
        slope = experiment.window(history.route).slope(history.route, signal, test_above=0.0)
        if slope is None or slope.interval is None or slope.interval[0] <= 0 or slope.p_value is None:
            continue
        if slope.p_value.own <= ERROR and slope.per_request < experiment.thresholds.of(signal):
            found[signal] = slope
    return found


def _released(experiment: Experiment, history: _History) -> Mapping[str, float]:
    """The share of proven growth that the target gave back once it had come to rest, by signal that grew."""
    grown = _ordered(frozenset(s for signals in history.hits for s in signals))
    shares = {signal: released_share(experiment.ledger, signal) for signal in grown}
    return {
        signal: share for signal, share in shares.items() if share > 0 and not _is_kept(experiment, history, signal)
    }


def _is_kept(experiment: Experiment, history: _History, signal: str) -> bool:
    """Whether growth of a signal reaches its budget once what was given back at rest is taken off.

    Some libraries let go of threads and connections only after some seconds: that is late, and no leak.
    """
    share = released_share(experiment.ledger, signal)
    if not share:
        return True
    slope = experiment.window(history.route).slope(history.route, signal)
    return slope is not None and slope.per_request * (1 - share) >= experiment.thresholds.of(signal)


def _judge_leak(
    experiment: Experiment, history: _History, signals: tuple[str, ...]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    window = experiment.window(history.route)
    shares = {signal: background_share(experiment.ledger, window, signal) for signal in signals}
    mine = tuple(s for s in signals if shares[s] < experiment.thresholds.background_share)
    if not mine:
        return "open", (wording.background(signals[0], shares[signals[0]]),), signals
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
    """Whether growth reached the budget in both blocks, and went on at the same pace up to the end of the run.

    A store that is emptied when it is full falls in the middle of a block. A lottery that happens to put the fall into
    small rounds makes a steep slope of it, but what the block keeps in the end is nothing.
    """
    if not all(_is_kept_in_sum(experiment, history.route, signal, number) for number in history.numbers[last - 1 :]):
        return False
    slopes = experiment.join(history.numbers[last - 1 :]).slopes_by_block(history.route, signal)
    thresholds = experiment.thresholds
    if slopes is None or min(slopes[:2]) < thresholds.of(signal):
        return False
    first, second, *later = slopes
    return second >= thresholds.persistence * first and all(s >= thresholds.persistence * second for s in later)


def _is_kept_in_sum(experiment: Experiment, route: str, signal: str, number: int) -> bool:
    """Whether memory as a whole grew in a block, by about the budget with each request, however its rounds look."""
    block, thresholds = experiment.blocks[number], experiment.thresholds
    growth = block.growth(signal)
    least = thresholds.persistence * thresholds.of(signal) * sum(block.doses(route))
    return growth is None or sum(growth) >= least


def _joint_hit(experiment: Experiment, history: _History, signal: str, last: int) -> bool:
    """Two blocks taken together: the power that few rounds lack when many routes have to be told apart."""
    pair = experiment.join(history.numbers[last - 1 : last + 1])
    slope = pair.slope(history.route, signal, test_above=experiment.thresholds.of(signal))
    level = joint_level(len(experiment.ledger.routes))
    return slope is not None and slope.p_value is not None and slope.p_value.joint <= level


def _doubts(experiment: Experiment, history: _History) -> tuple[str, ...]:
    """Why the route cannot be called clean; empty if it can."""
    thresholds = experiment.thresholds
    signal = memory_signal(experiment.blocks[history.numbers[-1]].rows)
    slope = quiet_slope(experiment, history.route, signal, _quiet(history)) if signal is not None else None
    if signal is None or slope is None:
        return (wording.NO_MEMORY_SIGNAL,)
    doubts = []
    if read_bound(experiment, history.route, _quiet(history)) is None:
        doubts.append(wording.not_settled(signal, slope, thresholds.of(signal)))
    others = resource_signals(history.slopes[-1])
    if signal == "live" and "anonymous" in history.slopes[-1]:
        others = {**others, "anonymous": history.slopes[-1]["anonymous"]}
    for name, other in others.items():
        # A signal that moves in steps of its own only has to show no evidence against the route.
        if (
            other.upper >= thresholds.of(name)
            and other.p_value is not None
            and other.p_value.own <= 2 * hit_level(len(experiment.ledger.routes))
            and _is_kept(experiment, history, name)
        ):
            doubts.append(wording.suspicious(name, other))
    return tuple(doubts)


def _quiet(history: _History) -> int:
    """How many of the latest blocks have no hit."""
    return max(1, len(tuple(takewhile(lambda hits: not hits, reversed(history.hits)))))


def _ordered(signals: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(signals, key=_WEIGHTIEST_FIRST.index))
