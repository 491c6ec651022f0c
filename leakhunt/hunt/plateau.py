"""Two looks at the heap, before and after the verdict rounds, for what was kept at first and then no more."""

from __future__ import annotations

from typing import Final

from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.assess import assess
from leakhunt.analysis.plateau import plateau_paths
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.snapshots import inspect_holders, take_snapshots
from leakhunt.model.report import Verdict

_STOPPED: Final = frozenset({Verdict.BOUNDED, Verdict.INCONCLUSIVE})
"""Verdicts on routes whose memory may be in a store that is full."""


def remember_heap(rounds: Rounds) -> None:
    """A look before the verdict rounds: paths only, which costs the app no more than the fork."""
    take_snapshots(rounds, rounds.recorder.run().rounds[-1].index, types=False, sites=False)


def compare_heap(rounds: Rounds, index: int) -> None:
    """A look after them, at the settle round, unless all routes are clean: what grows may stop when it runs alone."""
    states = {route.state for route in assess(rounds.recorder.run()).routes.values()}
    if not states <= {"clean", "unjudgeable"}:
        take_snapshots(rounds, index, types=False, sites=False)


def explain_plateau(rounds: Rounds, *, show_values: bool) -> None:
    """Look closer at what holds the memory of routes that have stopped growing, once the others are explained."""
    run = rounds.recorder.run()
    if _STOPPED & {route.verdict for route in analyse(run).routes}:
        inspect_holders(rounds, plateau_paths(run), show_values=show_values)
