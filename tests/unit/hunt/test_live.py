from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import route_of
from leakhunt.errors import TargetError
from leakhunt.hunt import peaks
from leakhunt.hunt.live import count_requests, require_seen, say_who_else_came, used_memory
from leakhunt.hunt.peaks import measure_peaks
from leakhunt.hunt.recorder import Recorder
from leakhunt.model.measurement import MemoryUsage, RequestRecord, Sample
from leakhunt.model.run import Phase, Plan, Role, Round, Run, Worker
from leakhunt.runfile import RunWriter
from leakhunt.samplers.memory import read_rss
from unit.hunt.bench import HEAD, Bench

MEMORY = MemoryUsage(1, 1, 1, 0, 1)


def run_of(rounds: Sequence[tuple[int, Mapping[str, int]]], role: Role = Role.WORKER) -> Run:
    """A run of rounds, each told by what was sent in it and what each worker has served by its end."""
    keys = {key for _, served in rounds for key in served}
    return Run(
        name="shop",
        started_at="2026-01-02T03:04:05Z",
        leakhunt="0.1.0",
        plan=Plan("PID 1", "command line", "already running", 7, 1),
        conditions={},
        routes={},
        timeline=(),
        workers=tuple(Worker(key, 1, 1, role, key, born=0.0) for key in sorted(keys)),
        requests=tuple(
            RequestRecord(index, "page", 200, expected=True, sent=0, started=0.0, duration=0.1)
            for index, (sent, _) in enumerate(rounds)
            for _ in range(sent)
        ),
        rounds=tuple(
            Round(
                index,
                Phase.DOSE,
                0.0,
                1.0,
                samples=tuple(Sample(key, 1.0, MEMORY, served={"GET /": total}) for key, total in served.items()),
            )
            for index, (_, served) in enumerate(rounds)
        ),
    )


def test_an_app_that_serves_nobody_else_has_no_other_traffic() -> None:
    assert count_requests(run_of([(3, {"a": 3}), (5, {"a": 8}), (0, {"a": 8})])) == (5, 0, 0)


def test_what_came_before_the_first_sample_is_nobodys() -> None:
    assert count_requests(run_of([(3, {"a": 40}), (5, {"a": 45})])) == (5, 0, 0)


def test_requests_that_others_sent_are_counted_over_all_workers() -> None:
    assert count_requests(run_of([(1, {"a": 1, "b": 0}), (4, {"a": 4, "b": 3}), (0, {"a": 4, "b": 5})])) == (4, 4, 0)


def test_requests_that_no_agent_has_seen_are_told_apart_from_those_of_others() -> None:
    assert count_requests(run_of([(1, {"a": 1}), (10, {"a": 7}), (2, {"a": 10})])) == (12, 1, 4)


def test_a_worker_born_meanwhile_begins_at_zero() -> None:
    assert count_requests(run_of([(2, {"a": 2}), (4, {"b": 4}), (4, {"b": 8})])) == (8, 0, 0)


def test_processes_that_do_not_serve_are_not_asked() -> None:
    assert count_requests(run_of([(2, {"a": 2}), (4, {"a": 9})], Role.OTHER)) == (0, 0, 0)


def test_other_traffic_is_a_caveat_with_its_size(simulated: Bench) -> None:
    simulated.rounds.run(Phase.DOSE, {"page": 2})
    link = next(iter(simulated.target.agents.values()))
    link.served[route_of("page")] = link.served.get(route_of("page"), 0) + 7
    simulated.rounds.run(Phase.DOSE, {"page": 3})
    say_who_else_came(simulated.recorder)
    assert simulated.caveats["other-traffic"].startswith("The app served 7 requests of others while leakhunt sent 3;")
    assert "not-all-seen" not in simulated.caveats


def test_without_other_traffic_nothing_is_said(simulated: Bench) -> None:
    simulated.rounds.run(Phase.DOSE, {"page": 2})
    simulated.rounds.run(Phase.DOSE, {"page": 3})
    say_who_else_came(simulated.recorder)
    assert simulated.caveats == {}


def test_an_app_that_none_of_our_requests_has_reached_is_not_judged(bench: Bench) -> None:
    (link,) = bench.target.agents.values()
    bench.rounds.run(Phase.WARM_UP, {"page": 2})
    served = dict(link.served)
    bench.rounds.run(Phase.WARM_UP, {"page": 2})
    require_seen(bench.rounds)
    other = Recorder(RunWriter(bench.directory.with_name("other"), **HEAD), **HEAD)
    other.workers(bench.target.workers())
    for done in bench.run.rounds:
        unmoved = tuple(replace(sample, served=served) for sample in done.samples)
        records = tuple(record for record in bench.run.requests if record.round == done.index)
        other.round(replace(done, samples=unmoved), records, ())
    bench.rounds.recorder = other
    with pytest.raises(TargetError, match="none of the 2 requests that leakhunt sent has come to the processes"):
        require_seen(bench.rounds)


def test_what_an_app_has_already_is_not_held_against_it(tmp_path: Path, pids: tuple[int, ...]) -> None:
    bench = Bench(tmp_path, pids)
    assert used_memory(bench.target) == pytest.approx(sum(map(read_rss, pids)), rel=0.2)


def test_an_app_that_is_not_to_be_forced_is_asked_for_no_collection_and_no_trim(simulated: Bench) -> None:
    simulated.rounds.allow_gc = False
    simulated.experiment(allow_gc=False, explain=True)
    asked = {entry.split()[0] for entry in simulated.target.log}
    assert {"heap", "stats"} <= asked
    assert not asked & {"collect", "trim"}
    assert not simulated.of(Phase.COLLECT)


def test_its_peaks_are_measured_without_a_trim_and_that_is_said(
    tmp_path: Path, pids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, pids)
    monkeypatch.setattr(peaks, "reset_peak", lambda _: None)
    bench.rounds.allow_gc = False
    measure_peaks(bench.rounds, bench.steps)
    assert not [entry for entry in bench.target.log if entry.startswith("trim")]
    assert "without --allow-gc" in bench.caveats["not-trimmed"]
