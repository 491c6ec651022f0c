"""Two snapshots, before and after the verdict rounds, for what was kept at first and then no more."""

from __future__ import annotations

from leakhunt.analysis.assess import assess
from leakhunt.analysis.plateau import plateau_paths
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.snapshots import inspect_holders, take_snapshots


def remember_heap(rounds: Rounds) -> None:
    """The snapshot that a later one is compared with: paths only, which costs the app no more than the fork."""
    take_snapshots(rounds, rounds.recorder.run().rounds[-1].index, types=False, sites=False)


def explain_plateau(rounds: Rounds, index: int, *, show_values: bool) -> None:
    """Look for what holds the memory of routes that have stopped growing; `index` is that of the settle round.

    Routes that are growing are among them, since they may stop before they are explained.
    """
    if {route.state for route in assess(rounds.recorder.run()).routes.values()} <= {"clean", "unjudgeable"}:
        return
    take_snapshots(rounds, index, types=False, sites=False)
    inspect_holders(rounds, plateau_paths(rounds.recorder.run()), show_values=show_values)
