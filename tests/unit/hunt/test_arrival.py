from __future__ import annotations

from leakhunt.analysis.analyse import analyse
from leakhunt.model.run import Phase
from leakhunt.model.snapshot import Age
from unit.hunt.bench import Bench


def test_a_process_that_ran_before_is_looked_at_before_its_first_request_of_ours(simulated: Bench) -> None:
    simulated.experiment(explain=True, live=True)
    first = simulated.run.rounds[0]
    assert (first.phase, first.doses, first.index) == (Phase.ARRIVAL, {}, 0)
    snapshot = simulated.run.snapshots[0]
    assert (snapshot.round, snapshot.ages) == (0, (Age("views._KEPT", 0, 0),))
    (holding,) = analyse(simulated.run).already_there
    assert (holding.path, holding.heaviest_type, holding.heaviest_count) == ("views._KEPT", "bytearray", 100)


def test_an_app_that_was_launched_had_nothing_before(simulated: Bench) -> None:
    simulated.experiment(explain=True)
    assert not simulated.of(Phase.ARRIVAL)
    assert analyse(simulated.run).already_there == ()


def test_an_agent_that_cannot_tell_ages_is_a_caveat_and_the_holders_are_told_all_the_same(simulated: Bench) -> None:
    (link,) = simulated.target.agents.values()
    link.refuses = frozenset({"ages"})
    simulated.experiment(explain=True, live=True)
    assert "it would rather not" in simulated.caveats["snapshot"]
    assert [holding.path for holding in analyse(simulated.run).already_there] == ["views._KEPT"]


def test_a_run_that_is_to_explain_nothing_does_not_look(simulated: Bench) -> None:
    simulated.experiment(live=True)
    assert simulated.run.snapshots == ()
