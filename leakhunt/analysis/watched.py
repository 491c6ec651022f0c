"""What may be said of a run that was only watched: whether growth was seen. A trend proves nothing, nor does this."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from leakhunt.analysis.trend import WANTED, trend
from leakhunt.model.report import Judgement, Verdict
from leakhunt.model.run import Run
from leakhunt.model.view import Trend
from leakhunt.units import Seconds, format_duration, format_size

_PROOF: Final = (
    "a trend is no proof: leakhunt profile makes requests of its own, and tells a leak from a cache that fills"
)
_TOGETHER: Final = "all processes together"

_Curve = tuple[Sequence[Seconds], Sequence[float]]


def watched_judgement(run: Run) -> Judgement:
    """SUSPECTED if the RSS of a process, or of all together, rose in both halves of what was watched.

    Twice, because what is loaded and cached at first rises once. Else NOT_SEEN; INCONCLUSIVE where nothing was watched
    for long enough to have a trend in each half.
    """
    curves = {name: curve for name, curve in _curves(run).items() if len(curve[0]) >= 2 * WANTED}
    if not curves:
        longest = max((len(times) for times, _ in _curves(run).values()), default=0)
        few = f"no process was read {2 * WANTED} times, which a trend in each half takes; the most were {longest} times"
        return Judgement(Verdict.INCONCLUSIVE, (few,))
    halves = {name: (_half(curve, 0), _half(curve, 1)) for name, curve in curves.items()}
    rising = [name for name, both in halves.items() if all(each is not None and each.rises for each in both)]
    once = [name for name, both in halves.items() if name not in rising and both[0] and both[0].rises]
    whole = {name: trend(*curve) for name, curve in curves.items()}
    if rising:
        return Judgement(Verdict.SUSPECTED, (*_told(rising, whole), _PROOF))
    stopped = [f"{name}: RSS rose at first, and was not seen to rise later" for name in once]
    return Judgement(Verdict.NOT_SEEN, (*stopped, _not_excluded(whole), _PROOF))


def _curves(run: Run) -> Mapping[str, _Curve]:
    """RSS over time of every process life, by name, and of all of them together."""
    names = {worker.key: f"{worker.name} (PID {worker.pid})" for worker in run.workers}
    levels: dict[str, list[tuple[Seconds, float]]] = defaultdict(list)
    together: dict[Seconds, float] = defaultdict(float)
    for point in run.timeline:
        levels[names.get(point.worker, point.worker)].append((point.time, point.rss))
        together[point.time] += point.rss
    if len(levels) > 1:
        levels[_TOGETHER] = list(together.items())
    return {name: ([at for at, _ in points], [level for _, level in points]) for name, points in levels.items()}


def _half(curve: _Curve, number: int) -> Trend | None:
    times, levels = curve
    middle = len(times) // 2
    part = slice(middle) if number == 0 else slice(middle, None)
    return trend(times[part], levels[part])


def _told(names: Sequence[str], whole: Mapping[str, Trend | None]) -> list[str]:
    found = [(name, rise) for name in names if (rise := whole[name]) is not None]
    return [
        f"{name}: RSS rose by {format_size(rise.per_second * 60)} per minute "
        f"({format_size(rise.low * 60)} to {format_size(rise.high * 60)}), over {format_duration(rise.seconds)}"
        for name, rise in sorted(found, key=lambda each: -each[1].per_second)
    ]


def _not_excluded(whole: Mapping[str, Trend | None]) -> str:
    """How much growth would have gone unseen."""
    rises = [(rise.high, name) for name, rise in whole.items() if rise is not None]
    if not rises:
        return "how much growth went unseen is not known"
    high, name = max(rises)
    return f"growth of up to {format_size(max(high, 0.0) * 60)} per minute is not ruled out ({name})"
