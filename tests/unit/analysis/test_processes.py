from __future__ import annotations

from dataclasses import replace

from builders import App, record
from leakhunt.analysis.processes import worker_reports
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.measurement import TimelinePoint
from leakhunt.model.report import WorkerReport
from leakhunt.model.run import Role, Run, Worker

IMAGE = "POST /image"
APP = App(routes=(IMAGE,))


def rows(run: Run) -> tuple[WorkerReport, ...]:
    return worker_reports(run, read_ledger(run, DEFAULTS))


def test_a_life_shows_where_it_started_where_it_ended_and_its_summit() -> None:
    run = record(APP, blocks=1)
    first, last = run.rounds[0].samples[0], run.rounds[-1].samples[0]
    (row,) = rows(run)
    assert (row.rss_start, row.rss_end, row.uss_end) == (first.memory.rss, last.memory.rss, last.memory.uss)
    assert row.rss_max == max(round_.samples[0].memory.rss for round_ in run.rounds)
    assert (row.role, row.name, row.judged) == ("worker", "worker 1", True)


def test_a_summit_between_two_samples_is_read_off_the_chart() -> None:
    run = record(APP, blocks=1)
    (row,) = rows(replace(run, timeline=(TimelinePoint(run.workers[0].key, 1.0, 10**12),)))
    assert row.rss_max == 10**12


def test_lives_stand_in_the_order_of_birth_and_recycled_ones_say_how_they_ended() -> None:
    run = record(APP, recycle=100)
    found = rows(replace(run, workers=run.workers[::-1]))
    assert [row.key for row in found] == [worker.key for worker in run.workers]
    assert {row.death for row in found} == {"recycled", None}
    assert all((row.lived is None) == (row.death is None) for row in found)
    for row, worker in zip(found, run.workers, strict=True):
        assert row.lived == (None if worker.died is None else worker.died - worker.born)


def test_a_process_has_served_what_its_last_sample_says() -> None:
    run = record(APP, blocks=1, workers=2)
    served = {sample.worker: sample.served[IMAGE] for sample in run.rounds[-1].samples}
    assert {row.key: row.requests for row in rows(run)} == served
    assert sum(served.values()) == len(run.requests)


def test_a_life_that_was_too_short_to_judge_is_marked() -> None:
    run = record(APP)
    newborn = Worker("900@9", 900, 99, Role.WORKER, "worker 2", run.rounds[-2].started)
    sample = replace(run.rounds[-1].samples[0], worker=newborn.key)
    last = [replace(round_, samples=(*round_.samples, sample)) for round_ in run.rounds[-3:]]
    found = rows(replace(run, workers=(*run.workers, newborn), rounds=(*run.rounds[:-3], *last)))
    assert [row.judged for row in found] == [True, False]


def test_a_process_that_was_never_sampled_has_no_figures() -> None:
    master = Worker("50@1", 50, 1, Role.MASTER, "gunicorn master", -1.0)
    run = record(APP, blocks=1)
    row = rows(replace(run, workers=(*run.workers, master)))[0]
    assert (row.key, row.role, row.requests) == ("50@1", "master", 0)
    assert (row.rss_start, row.rss_end, row.rss_max, row.uss_end) == (None, None, None, None)


def test_without_route_marks_a_single_process_served_what_was_sent_while_it_lived() -> None:
    run = record(APP, blocks=1, agent=False)
    (row,) = rows(run)
    assert row.requests == len(run.requests)
    middle = run.requests[len(run.requests) // 2].started
    (short,) = rows(replace(run, workers=(replace(run.workers[0], died=middle, death="recycled"),)))
    assert short.requests == sum(request.started < middle for request in run.requests)
    assert short.lived == middle


def test_a_process_beside_the_target_served_none_of_the_requests() -> None:
    run = record(APP, blocks=1, agent=False)
    beside = Worker("50@1", 50, 1, Role.COMPANION, "celery", 0.0)
    assert {row.name: row.requests for row in rows(replace(run, workers=(*run.workers, beside)))} == {
        "worker 1": len(run.requests),
        "celery": 0,
    }


def test_a_worker_whose_agent_has_counted_nothing_served_nothing() -> None:
    run = record(APP, blocks=1)
    idle = Worker("900@9", 900, 99, Role.WORKER, "worker 2", 0.0)
    rounds = [
        replace(done, samples=(*done.samples, *(replace(each, worker=idle.key, served={}) for each in done.samples)))
        for done in run.rounds
    ]
    found = rows(replace(run, workers=(*run.workers, idle), rounds=tuple(rounds)))
    assert [row.requests for row in found] == [len(run.requests), 0]


def test_what_a_worker_served_that_was_never_sampled_is_not_known() -> None:
    run = record(APP, blocks=1)
    brief = Worker("900@9", 900, 99, Role.WORKER, "worker 2", 1.0, died=2.0, death="recycled")
    assert {row.name: row.requests for row in rows(replace(run, workers=(*run.workers, brief)))} == {
        "worker 1": len(run.requests),
        "worker 2": None,
    }


def test_which_of_several_processes_served_a_request_is_not_known_without_route_marks() -> None:
    run = record(APP, blocks=1, workers=2, agent=False)
    assert [row.requests for row in rows(run)] == [None, None]
