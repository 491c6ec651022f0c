from __future__ import annotations

import pytest

from leakhunt.hunt import cost as module
from leakhunt.hunt.cost import measure_cost
from leakhunt.model.run import Cost, Phase, Role
from unit.hunt.bench import Bench


@pytest.fixture
def busy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose worker has used ten seconds of the processor, one tenth of a second of them for the agent."""
    monkeypatch.setattr(module, "cpu_of", lambda pids: 10.0 * len(pids))
    (link,) = bench.target.agents.values()
    link.cpu = 0.1
    return bench


def test_the_agents_share_of_the_processor_time_of_their_workers(busy: Bench) -> None:
    assert measure_cost(busy.rounds).cpu_fraction == pytest.approx(0.01)


def test_only_workers_count(busy: Bench, pids: tuple[int, ...]) -> None:
    busy.target.agents[busy.target.add(pids[1], Role.MASTER)].cpu = 5.0
    assert measure_cost(busy.rounds).cpu_fraction == pytest.approx(0.01)


def test_an_agent_that_does_not_answer_is_left_out(busy: Bench, pids: tuple[int, ...]) -> None:
    busy.target.agents[busy.target.add(pids[1])].refuses = frozenset({"stats"})
    assert measure_cost(busy.rounds).cpu_fraction == pytest.approx(0.01)


def test_the_memory_is_that_of_the_agent_that_took_most(busy: Bench, pids: tuple[int, ...]) -> None:
    busy.target.agents[busy.target.add(pids[1])].memory = 1_200_000
    assert measure_cost(busy.rounds).memory == 1_200_000


def test_what_was_not_measured_is_none(bench: Bench) -> None:
    bench.target.agents.clear()
    assert measure_cost(bench.rounds) == Cost(None, None, None)


def test_the_longest_pause_is_part_of_it(busy: Bench) -> None:
    busy.rounds.run(Phase.BASELINE, {})
    assert measure_cost(busy.rounds).longest_pause == 0.004
