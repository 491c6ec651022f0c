from __future__ import annotations

from leakhunt.hunt.doses import MIN_ROUNDS
from leakhunt.model.run import BACKGROUND, Effort, Phase
from unit.hunt.bench import Bench


def grow_while_settling(bench: Bench, per_second: int) -> None:
    """A timer keeps memory, which shows after the last request."""
    bench.app.per_second = per_second
    phase = bench.observer.phase

    def at_rest(label: str) -> None:
        phase(label)
        if label.startswith("settle"):
            bench.clock.advance(6.0)
            for link in bench.target.agents.values():
                link.live += 6 * per_second

    bench.observer.phase = at_rest  # type: ignore[method-assign]


def test_an_app_that_is_quiet_at_rest_is_spared_idle_rounds(simulated: Bench) -> None:
    simulated.experiment()
    assert not simulated.of(Phase.IDLE)


def test_growth_at_rest_is_proven_by_two_blocks_of_seconds_in_the_order_of_a_lottery(simulated: Bench) -> None:
    grow_while_settling(simulated, 20_000)
    simulated.experiment()
    rounds = simulated.of(Phase.IDLE)
    assert [done.block for done in rounds] == [0] * MIN_ROUNDS + [1] * MIN_ROUNDS
    seconds = [done.ended - done.started for done in rounds[:MIN_ROUNDS]]
    assert len(set(seconds)) == MIN_ROUNDS
    assert seconds != sorted(seconds)
    assert not any(done.doses for done in rounds)


def test_what_grows_with_time_is_explained_without_requests(simulated: Bench) -> None:
    grow_while_settling(simulated, 20_000)
    simulated.experiment(explain=True)
    explained = simulated.of(Phase.EXPLAIN)
    assert {done.alone for done in explained} == {BACKGROUND}
    assert not any(done.doses for done in explained)
    assert "untrace" in " ".join(simulated.target.log)


def test_a_quick_run_does_without(simulated: Bench) -> None:
    grow_while_settling(simulated, 20_000)
    simulated.experiment(effort=Effort.QUICK)
    assert not simulated.of(Phase.IDLE)
