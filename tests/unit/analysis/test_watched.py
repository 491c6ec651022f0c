"""The words for a run that was only watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random

import pytest

from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.trend import WANTED
from leakhunt.analysis.watched import watched_judgement
from leakhunt.model.measurement import TimelinePoint
from leakhunt.model.report import Verdict
from leakhunt.model.run import WATCHED, Plan, Role, Run, Worker

MIB = 2**20
LONG = 4 * WANTED

Level = Callable[[int], float]


def run(*levels: Level, readings: int = LONG) -> Run:
    """A run of processes with these levels, in MiB by number of reading; read every two seconds."""
    workers = tuple(
        Worker(f"{pid}@1", pid, 1, Role.WORKER, f"gunicorn worker {pid}", -5.0) for pid in range(1, len(levels) + 1)
    )
    points = tuple(
        TimelinePoint(worker.key, 2.0 * number, round(level(number) * MIB), round(level(number) * MIB / 2))
        for number in range(readings)
        for worker, level in zip(workers, levels, strict=True)
    )
    plan = Plan("PID 1 (gunicorn)", WATCHED, "gunicorn", seed=0, concurrency=0)
    return Run("gunicorn", "2026-11-26T10:00:00+00:00", "1", plan, {}, {}, workers, (), (), points, outcome="complete")


def leaking(number: int) -> float:
    return 50 + 0.1 * number


def still(number: int) -> float:
    return 50 + number % 2


def warming(number: int) -> float:
    return 50 + min(number, LONG // 2) * 0.2


def under(noise: Sequence[float], slope: float) -> Level:
    return lambda number: 500 + slope * number + noise[number]


def test_growth_in_both_halves_is_suspected_with_its_size() -> None:
    judgement = watched_judgement(run(leaking))
    assert judgement.verdict is Verdict.SUSPECTED
    assert judgement.reasons[0].startswith("gunicorn worker 1 (PID 1): RSS rose by 3.00 MiB per minute (")
    assert "a trend is no proof" in judgement.reasons[-1]


def test_the_worker_that_grows_is_named_among_those_that_do_not() -> None:
    judgement = watched_judgement(run(still, leaking, still))
    assert judgement.verdict is Verdict.SUSPECTED
    told = [reason.partition(":")[0] for reason in judgement.reasons]
    assert "gunicorn worker 2 (PID 2)" in told
    assert not {"gunicorn worker 1 (PID 1)", "gunicorn worker 3 (PID 3)"} & set(told)


def test_growth_that_stops_is_not_suspected_and_is_told() -> None:
    judgement = watched_judgement(run(warming))
    assert judgement.verdict is Verdict.NOT_SEEN
    assert "RSS rose at first, and was not seen to rise later" in judgement.reasons[0]


def test_no_growth_says_how_much_would_have_gone_unseen() -> None:
    judgement = watched_judgement(run(still))
    assert judgement.verdict is Verdict.NOT_SEEN
    assert judgement.reasons[0].startswith("growth of up to ")
    assert judgement.reasons[0].endswith("per minute is not ruled out (gunicorn worker 1 (PID 1))")


def test_growth_spread_over_workers_that_each_hide_it_shows_in_all_together() -> None:
    random = Random(5)
    noises = [list(accumulate(random.gauss(0, 0.05) for _ in range(LONG))) for _ in range(3)]
    judgement = watched_judgement(run(*(under(noise, 0.02) for noise in noises)))
    assert any(reason.startswith("all processes together: RSS rose") for reason in judgement.reasons)


def test_what_was_not_watched_for_long_enough_is_inconclusive() -> None:
    judgement = watched_judgement(run(leaking, readings=2 * WANTED - 1))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "the most were 79 times" in judgement.reasons[0]


@pytest.mark.parametrize("seed", range(3))
def test_memory_that_only_drifts_is_hardly_ever_suspected(seed: int) -> None:
    random = Random(seed)
    suspected = 0
    for _ in range(60):
        noise = list(accumulate(random.gauss(0, 1) for _ in range(LONG)))
        suspected += watched_judgement(run(under(noise, 0.0))).verdict is Verdict.SUSPECTED
    assert suspected <= 1


def test_the_report_has_the_word_the_curves_and_a_caveat() -> None:
    report = analyse(run(leaking, still))
    assert report.judgement.verdict is Verdict.SUSPECTED
    assert report.duration == 2.0 * (LONG - 1)
    assert [series.name for series in report.series] == ["gunicorn worker 1", "gunicorn worker 2"]
    assert report.routes == ()
    first = report.workers[0]
    assert first.rss_start == 50 * MIB
    assert first.rss_end == first.rss_max == round(leaking(LONG - 1) * MIB)
    assert first.requests is None
    assert first.uss_end is not None
    assert [caveat.code for caveat in report.caveats] == ["only-watched"]
    assert report.next_command is None
