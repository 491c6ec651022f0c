"""What the explain rounds add to a judgement: exact counts settle it, a named cap turns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.blocks import Experiment, memory_signal
from leakhunt.analysis.bound import Bound
from leakhunt.analysis.join import Lead
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.paths import GrowingPath
from leakhunt.analysis.plateau import capped, caps_of
from leakhunt.analysis.rate import alone_rate, alone_rows, rate_of
from leakhunt.analysis.series import JUDGED_PHASES, RoundGrowth
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS, Thresholds
from leakhunt.model.snapshot import Container
from leakhunt.units import format_size

_ROUNDS: Final = 3
"""Rounds of the route alone that have to agree."""
_CLEARLY: Final = 5.0
"""Times the noise by which growth that fails to come has to be expected."""
_STOPPED: Final = 0.9
"""Share of the growth to expect that fails to come."""
_SHARE: Final = 0.5
"""Share of the proven growth that capped holders have to account for: the rest may be native memory of theirs."""
_REST: Final = 0.2
"""Share of what paths lead to that may hang on others: a cache has side effects of its own."""
_MEMORY: Final = frozenset({"live", "anonymous", "blocks"})


def upgrade(
    experiment: Experiment, judgement: RouteJudgement, leads: Sequence[Lead], containers: Sequence[Container]
) -> RouteJudgement:
    """The judgement once the explain rounds are known."""
    judgement = revoke_if_stopped(experiment, confirm_by_counts(experiment, judgement, leads))
    return name_cap(judgement, leads, containers, experiment.thresholds.live)


def confirm_by_counts(experiment: Experiment, judgement: RouteJudgement, leads: Sequence[Lead]) -> RouteJudgement:
    """An undecided route leaks if objects are still added by an exact multiple of every prime dose.

    The explain rounds come last, after all requests of the verdict rounds, so a store that is still filling
    then is no more bounded than one that two blocks running have found. Counts see what the noise of large
    uploads drowns; what they cannot see is how much native memory hangs on each object.
    """
    if judgement.state not in {"open", "growing"} or not experiment.blocks:
        return judgement
    exact = [lead for lead in leads if lead.path and lead.path.multiple and lead.path.rounds >= _ROUNDS]
    kept = sum(lead.size_per_request for lead in exact)
    live = (judgement.slopes or {}).get("live")
    if kept < experiment.thresholds.live or (live is not None and live.upper < experiment.thresholds.live):
        return judgement
    requests = live.requests if live is not None else 0
    first = max(exact, key=lambda lead: lead.size_per_request)
    assert first.path is not None
    reason = (
        f"{first.path.path} gained exactly {first.path.multiple} {first.path.type} with every request of this "
        f"route alone, {format_size(kept)} per request, after {requests} requests of the verdict rounds"
    )
    return replace(
        judgement, state="leak", reasons=(reason, *judgement.reasons), signals=judgement.signals or ("live",)
    )


def revoke_if_stopped(experiment: Experiment, judgement: RouteJudgement) -> RouteJudgement:
    """Growth that had stopped by the time the route ran alone was the filling of a store, however well it was proven.

    Where requests are slow the verdict rests on few of them, and a store for a hundred entries may not be full by then.
    The explain rounds go on with distinct inputs. What they keep is set against what they should keep, and that has to
    stand out of the noise of the verdict rounds, since what few requests leave behind may miss so few rounds. Growth
    most of which went on at rest was time's, and noise is no excuse for it. It is CLEAN only where the rounds alone
    leave no room for a leak of the budget, and BOUNDED, with what could hide there, where they do.
    """
    signal = next((name for name in ("live", "anonymous") if name in judgement.signals), None)
    slope = (judgement.slopes or {}).get(signal or "")
    if judgement.state not in {"leak", "growing", "open"} or signal is None or slope is None:
        return judgement
    steps = alone_rows(experiment.ledger, judgement.route)
    noise = 0.0 if judgement.state == "open" else experiment.window(judgement.route).noise(signal)
    if not steps or not all(
        _has_stopped(rows, signal, slope.per_request, noise)
        or _is_ruled_out(rows, judgement.route, signal, experiment.thresholds)
        for rows in steps
    ):
        return judgement
    requests = sum(row.requests for rows in steps for row in rows)
    kept = sum(row.growth.get(signal, 0.0) for rows in steps for row in rows)
    budget = experiment.thresholds.of(signal)
    rate, interval = alone_rate(experiment.ledger, judgement.route, signal) or (0.0, None)
    if interval is not None and interval[0] >= budget:
        return judgement  # what still goes on is a leak by itself
    bound = None if interval is None else Bound(rate, interval[1], requests)
    total = slope.per_request * slope.requests
    reason = wording.stopped(total, kept, requests)
    others = tuple(name for name in judgement.signals if name in RESOURCE_SIGNALS)
    if others:
        return replace(judgement, reasons=(*judgement.reasons, reason), signals=others)
    small = total < experiment.thresholds.hazard and bound is not None and bound.upper < budget
    reasons = (reason,) if bound is None else (reason, wording.at_most(bound))
    return replace(
        judgement, state="clean" if small else "bounded", reasons=reasons, signals=(), bound=bound, early=total
    )


def _has_stopped(rows: Sequence[RoundGrowth], signal: str, per_request: float, noise: float) -> bool:
    """Whether one step kept next to nothing of what it should. Of several steps of a route a slow one may be all."""
    expected = per_request * sum(row.requests for row in rows)
    kept = sum(row.growth.get(signal, 0.0) for row in rows)
    clear = expected >= _CLEARLY * noise * sqrt(max(1, len(rows)))
    return len(rows) >= _ROUNDS and clear and kept <= (1 - _STOPPED) * expected


def _is_ruled_out(rows: Sequence[RoundGrowth], route: str, signal: str, thresholds: Thresholds) -> bool:
    """Whether one step alone had so many requests that even a leak on one in a hundred would have shown, and kept none.

    Its own rounds have a noise of their own, whatever the verdict rounds had.
    """
    rate = rate_of(rows, route, signal)
    many = sum(row.requests for row in rows) >= thresholds.clean_requests
    return many and rate is not None and rate[1] is not None and rate[1][1] < thresholds.of(signal)


def name_cap(
    judgement: RouteJudgement, leads: Sequence[Lead], containers: Sequence[Container], budget: float
) -> RouteJudgement:
    """Growth that is held by containers with a cap will end there, and is BOUNDED with its cap named.

    Only what hangs on the entries of the capped container itself counts: entries that grow one by one, and capped
    containers that become more, have another holder. What else the route adds, and no cap bounds, must be no leak by
    itself; nor may growth of threads, descriptors or files be part of the claim, nor most of it be memory that no path
    leads to.
    """
    if judgement.state not in {"leak", "growing", "bounded"} or not _MEMORY.issuperset(judgement.signals):
        return judgement
    capped = _capped(containers)
    held = [(lead, capped[lead.path.holder]) for lead in leads if lead.path and lead.path.holder in capped]
    bounded = sum(lead.size_per_request for lead, _ in held)
    others = [lead for lead in leads if lead.path and lead.path.holder not in capped]
    free = sum(lead.size_per_request for lead in others)
    live = (judgement.slopes or {}).get("live")
    proven = live.interval[0] if live is not None and live.interval is not None else 0.0
    if not held or free >= max(budget, _REST * (bounded + free)) or bounded < _SHARE * proven:
        return judgement
    reasons = tuple(dict.fromkeys(wording.cap(container, lead.size_per_request) for lead, container in held))
    return replace(judgement, state="bounded", reasons=(*reasons, *judgement.reasons))


def settle_by_cap(
    experiment: Experiment,
    judgement: RouteJudgement,
    stores: Sequence[GrowingPath],
    containers: Sequence[Container],
) -> RouteJudgement:
    """What was kept at first is held by a container with a cap: that it has stopped growing is more than a hope.

    An undecided route is BOUNDED where such containers hold most of what was kept since the baseline, of what paths
    lead to and of what memory grew by, and so much that it is a hazard. How small a leak may hide beside them is what
    was undecided, and is told. Without a whole block nothing is settled, and no store bounds threads, descriptors or
    files.
    """
    reasons = caps_of(stores, containers)
    held = sum(path.size_per_request for path in stores if capped(path, containers))
    kept = max(sum(path.size_per_request for path in stores), _grown(experiment))
    undecided = judgement.missed is not None and not _resources_grow(experiment, judgement)
    if undecided and held >= max(experiment.thresholds.hazard, _SHARE * kept):
        judgement = replace(judgement, state="bounded")
    return replace(judgement, reasons=(*reasons, *judgement.reasons))


def _grown(experiment: Experiment) -> float:
    """Bytes by which memory has grown since the baseline."""
    rows = experiment.ledger.of_phase(*JUDGED_PHASES)
    signal = memory_signal(rows)
    return 0.0 if signal is None else sum(row.growth[signal] for row in rows)


def _resources_grow(experiment: Experiment, judgement: RouteJudgement) -> bool:
    slopes = judgement.slopes or {}
    thresholds = experiment.thresholds
    return any(name in slopes and slopes[name].per_request >= thresholds.of(name) for name in RESOURCE_SIGNALS)


def _capped(containers: Sequence[Container]) -> dict[str, Container]:
    """By path, the fullest container, where none of that path in any worker is without a cap."""
    fullest: dict[str, Container] = {}
    for container in sorted(containers, key=lambda each: each.length or 0):
        fullest[container.path] = container
    without = {container.path for container in containers if container.cap is None and container.length is not None}
    return {path: each for path, each in fullest.items() if each.cap is not None and path not in without}
