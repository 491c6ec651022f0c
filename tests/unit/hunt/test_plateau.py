from __future__ import annotations

from leakhunt.model.run import Phase
from unit.hunt.bench import Bench


def phases_of_snapshots(bench: Bench) -> list[Phase]:
    phases = {done.index: done.phase for done in bench.run.rounds}
    return [phases[snapshot.round] for snapshot in bench.run.snapshots]


def test_the_heap_is_looked_at_before_the_verdict_rounds_and_once_more_unless_all_is_clean(simulated: Bench) -> None:
    simulated.experiment(explain=True)
    assert phases_of_snapshots(simulated) == [Phase.BASELINE]


def test_a_store_that_has_filled_up_is_looked_at_more_closely(simulated: Bench) -> None:
    simulated.app.keeps = {"image": 20_000}
    simulated.app.entries = {"image": 700}
    simulated.experiment(explain=True)
    assert phases_of_snapshots(simulated)[:2] == [Phase.BASELINE, Phase.SETTLE]
    (link,) = simulated.target.agents.values()
    assert ("views._KEPT", False) in link.inspected


def test_a_run_that_is_to_explain_nothing_does_not_look(simulated: Bench) -> None:
    simulated.app.keeps = {"image": 20_000}
    simulated.experiment()
    assert simulated.run.snapshots == ()
