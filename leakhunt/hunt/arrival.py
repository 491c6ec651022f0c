"""The first look at a process that ran before leakhunt came."""

from __future__ import annotations

from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.snapshots import take_snapshots
from leakhunt.model.run import Phase


def look_around(rounds: Rounds) -> None:
    """Record what each worker has before anything is requested, and how old the entries of its largest holders are."""
    done = rounds.run(Phase.ARRIVAL, {})
    take_snapshots(rounds, done.index, types=False, sites=False, ages=True)
