"""What a store that is full holds: it does not grow any more, so two snapshots from before and after are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.explain import AloneRounds
from leakhunt.analysis.paths import GrowingPath, growing_paths
from leakhunt.model.run import Phase, Run
from leakhunt.model.snapshot import Container

_SHARE: Final = 0.2
"""Share of what was kept in the end below which a path is not worth naming."""


def plateau_paths(run: Run) -> tuple[GrowingPath, ...]:
    """The paths that led to more at the end of the verdict rounds than at the baseline, the largest first.

    Counts and sizes are not per request but in all. Empty where the snapshots were not taken.
    """
    phases = {each.index: each.phase for each in run.rounds}
    before = {each.worker: each for each in run.snapshots if phases.get(each.round) is Phase.BASELINE}
    after = {each.worker: each for each in run.snapshots if phases.get(each.round) is Phase.SETTLE}
    pairs = tuple((before[worker], after[worker]) for worker in before if worker in after)
    if not pairs:
        return ()
    found = growing_paths(AloneRounds("", "", (1,), (pairs,)), in_number=True)
    least = _SHARE * sum(path.size_per_request for path in found)
    return tuple(path for path in found if path.size_per_request >= least)


def caps_of(paths: Sequence[GrowingPath], containers: Sequence[Container]) -> tuple[str, ...]:
    """What there is to say of the caps of their holders."""
    lines = []
    for path in paths:
        known = capped(path, containers)
        if known is not None:
            lines.append(wording.cap(known, path.size_per_request / max(1.0, path.count_per_request)))
    return tuple(dict.fromkeys(lines))


def capped(path: GrowingPath, containers: Sequence[Container]) -> Container | None:
    """The holder of a path, if it has a cap."""
    return next((each for each in reversed(containers) if each.path == path.holder and each.cap is not None), None)
