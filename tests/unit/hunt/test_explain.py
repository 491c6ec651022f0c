from __future__ import annotations

from pathlib import Path

import pytest

from fakes import FakeLink
from leakhunt.hunt.explain import LONG, explain, explain_doses
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.run import Phase
from unit.hunt.bench import Bench

MIB = 2**20
CHEAP = StepCost(duration=0.001, growth=1000)


@pytest.fixture
def leaky(bench: Bench) -> Bench:
    bench.app.keeps = {"image": 20_000}
    bench.rounds.learn_routes()
    return bench


@pytest.fixture
def pair(tmp_path: Path, pids: tuple[int, ...]) -> Bench:
    """A bench with two workers."""
    bench = Bench(tmp_path, pids)
    bench.app.keeps = {"image": 20_000}
    bench.rounds.learn_routes()
    return bench


def only(bench: Bench) -> FakeLink:
    (link,) = bench.target.agents.values()
    return link


def commands(bench: Bench) -> list[str]:
    """What was asked, but for what every round asks."""
    words = [entry.split()[0] for entry in bench.target.log]
    return [word for word in words if word in {"trace", "untrace", "load", "snapshot", "inspect"}]


# --- Doses. ---------------------------------------------------------------------------------------------------------


def test_cheap_requests_get_doses_that_tell_them_from_anything_else() -> None:
    assert list(explain_doses(0.001, 1000, 1)) == [53, 137, 223]


def test_what_one_request_in_a_hundred_keeps_is_not_to_miss_a_round() -> None:
    assert list(explain_doses(0.001, 1000, 1, None, LONG)) == [401, 1009, 1607]
    assert sum(explain_doses(0.01, 1000, 1, None, LONG)) * 0.01 == pytest.approx(LONG.time, rel=0.1)


def test_slow_requests_get_few() -> None:
    assert list(explain_doses(1.0, 1000, 1)) == [2, 5, 11]
    assert sum(explain_doses(0.05, 1000, 1)) * 0.05 == pytest.approx(2.0, rel=0.6)


def test_requests_that_keep_much_get_few() -> None:
    assert list(explain_doses(0.001, 50 * MIB, 1)) == [2, 5, 11]
    assert sum(explain_doses(0.001, 4 * MIB, 1)) * 4 < 200


def test_every_worker_gets_its_share() -> None:
    assert list(explain_doses(0.001, 1000, 3)) == [dose * 3 for dose in explain_doses(0.001, 1000, 1)]


def test_workers_that_are_recycled_get_no_more_than_they_still_serve() -> None:
    assert list(explain_doses(0.001, 1000, 1, room=60)) == [7, 19, 29]
    assert list(explain_doses(0.001, 1000, 3, room=60)) == [21, 57, 87]
    assert list(explain_doses(0.001, 1000, 1, room=3)) == [2, 5, 11]


def test_nothing_measured_is_no_reason_to_send_more() -> None:
    assert list(explain_doses(0.0, 0, 1)) == [53, 137, 223]


# --- Rounds. --------------------------------------------------------------------------------------------------------


def test_tracing_is_on_for_each_round_and_a_snapshot_follows_it(leaky: Bench) -> None:
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert commands(leaky) == ["trace", *["load", "snapshot"] * 4, "inspect", "untrace"]
    assert [done.doses for done in leaky.of(Phase.EXPLAIN)] == [{"image": dose} for dose in (2, 53, 137, 223)]
    assert {done.alone for done in leaky.of(Phase.EXPLAIN)} == {"image"}
    assert [snapshot.round for snapshot in leaky.run.snapshots] == [0, 1, 2, 3]


def test_doses_follow_what_a_request_takes_while_it_is_traced(leaky: Bench) -> None:
    leaky.app.seconds = {"image": 0.5}
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert [done.doses["image"] for done in leaky.of(Phase.EXPLAIN)] == [2, 2, 5, 11]


def test_the_holder_is_looked_at(leaky: Bench) -> None:
    explain(leaky.rounds, "image", CHEAP, show_values=True)
    assert only(leaky).inspected == [("views._KEPT", True)]
    (container,) = leaky.run.containers
    assert (container.path, container.type, container.length) == ("views._KEPT", "list", 415)


def test_strings_of_the_heap_are_not_asked_for_unless_wanted(leaky: Bench) -> None:
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert only(leaky).inspected == [("views._KEPT", False)]


def test_nothing_that_grows_leaves_nothing_to_look_at(leaky: Bench) -> None:
    leaky.app.keeps = {}
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert only(leaky).inspected == []


def test_all_workers_are_traced_and_seen(pair: Bench) -> None:
    explain(pair.rounds, "image", CHEAP, show_values=False)
    assert commands(pair)[:4] == ["trace", "trace", "load", "snapshot"]
    assert {snapshot.worker for snapshot in pair.run.snapshots} == set(pair.target.agents)
    assert [done.doses["image"] for done in pair.of(Phase.EXPLAIN)] == [4, 106, 274, 446]


def test_a_worker_that_will_be_recycled_soon_is_used_up_before_it_is_traced(
    leaky: Bench, pids: tuple[int, ...]
) -> None:
    def recycle(_: int) -> None:
        link = only(leaky)
        if sum(link.served.values()) >= 40:
            leaky.target.end(link.key)
            leaky.target.add(pids[0])

    leaky.replayer.before = recycle
    for _ in range(4):
        leaky.rounds.run(Phase.DOSE, {"image": 20})
    leaky.target.log.clear()
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert commands(leaky)[:3] == ["load", "trace", "load"]
    snapshots = leaky.run.snapshots
    assert len(snapshots) == 4
    assert len({snapshot.worker for snapshot in snapshots}) == 1


def test_a_worker_born_in_between_is_traced_too(leaky: Bench, pids: tuple[int, ...]) -> None:
    def recycle(number: int) -> None:
        if number == 1:
            leaky.target.end(only(leaky).key)
            leaky.target.add(pids[1])

    leaky.replayer.before = recycle
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert [entry for entry in leaky.target.log if "trace" in entry] == [
        f"trace {pids[0]}",
        f"trace {pids[1]}",
        f"untrace {pids[0]}",
        f"untrace {pids[1]}",
    ]
    assert leaky.caveats == {}  # that one worker ended is none


# --- Tracing never stays on. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_tracing_is_stopped_whatever_happens(leaky: Bench, error: type[BaseException]) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise error

    leaky.replayer.before = fail
    with pytest.raises(error):
        explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert only(leaky).traced is None
    assert commands(leaky)[-1] == "untrace"


# --- Agents that refuse. --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("trace", "not-traced", "Allocations could not be traced: "),
        ("snapshot", "no-snapshot", "A snapshot could not be taken: "),
        ("inspect", "not-inspected", "The holders could not be measured: "),
        ("untrace", "still-traced", "Tracing could not be stopped: "),
    ],
)
def test_an_agent_that_refuses_is_a_caveat(leaky: Bench, command: str, code: str, text: str) -> None:
    only(leaky).refuses = frozenset({command})
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert set(leaky.caveats) == {code}
    assert leaky.caveats[code].startswith(text)
    assert len(leaky.of(Phase.EXPLAIN)) == 4


def test_what_a_snapshot_could_not_see_is_a_caveat(leaky: Bench) -> None:
    only(leaky).problems = ("objgraph could not be imported",)
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert leaky.caveats == {"snapshot": "objgraph could not be imported"}
    assert len(leaky.run.snapshots) == 4


def test_what_a_snapshot_child_took_counts(leaky: Bench) -> None:
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert leaky.rounds.child_memory == only(leaky).child_memory == 90_000_000


def test_pauses_of_snapshots_count(leaky: Bench) -> None:
    only(leaky).pause = 0.07
    explain(leaky.rounds, "image", CHEAP, show_values=False)
    assert leaky.rounds.longest_pause == 0.07
