"""What counts as right, as a miss and as a false alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leakbench.case import Axes, Case, Culprit, Side
from leakbench.results import Accused
from leakbench.samples import ANSWER, RESULT, SUSPECT
from leakbench.scoring import Rate, Scored, is_culprit, rates, spreads

LEAK = Side("leaky", (), {}, ("LEAK",), ("python-objects",), 100.0, {}, Culprit(types=("app.Record",)))
CLEAN = Side("fixed", (), {}, ("CLEAN",), (), None, {}, Culprit())
TRAP = Side("leaky", (), {}, ("CLEAN", "BOUNDED"), ("bounded-cache",), None, {}, Culprit())


def case(*sides: Side, origin: str = "seeded", name: str = "case") -> Case:
    return Case(
        name,
        Path(name),
        *("a title", origin, "3.12", ("GET /",), None, None, (), 1, 1, 1, False, False, (), ""),
        Axes("list", "live", "every request"),
        sides,
    )


def scored(side: Side, verdict: str | None, *suspects: Accused, origin: str = "seeded", name: str = "case") -> Scored:
    answer = None if verdict is None else replace(ANSWER, verdict=verdict, suspects=suspects or (SUSPECT,))
    return Scored(case(side, origin=origin, name=name), side, replace(RESULT, case=name, side=side.name, answer=answer))


@pytest.mark.parametrize(("verdict", "right"), [("LEAK", True), ("BOUNDED", False), ("CLEAN", False), (None, False)])
def test_only_leak_is_right_for_a_leak(verdict: str | None, right: bool) -> None:
    assert scored(LEAK, verdict).right is right


def test_inconclusive_is_never_right() -> None:
    assert not any(scored(side, "INCONCLUSIVE").right for side in (LEAK, CLEAN, TRAP))


def test_bounded_is_right_for_a_trap_only_if_the_cap_is_named() -> None:
    assert not scored(TRAP, "BOUNDED", origin="trap").right
    assert scored(TRAP, "BOUNDED", replace(SUSPECT, cap=500), origin="trap").right
    assert scored(TRAP, "CLEAN", origin="trap").right


def test_bounded_retention_needs_no_cap_to_be_called_bounded() -> None:
    bounded = replace(LEAK, verdicts=("BOUNDED",))
    assert scored(bounded, "BOUNDED").right
    assert not scored(bounded, "LEAK").right


def test_a_fixed_release_that_still_leaks_is_a_leak_and_no_false_alarm() -> None:
    still = scored(replace(LEAK, name="fixed"), "LEAK")
    assert still.right
    assert not still.harmless


def test_the_cause_is_that_of_the_weightiest_suspect() -> None:
    threads = replace(SUSPECT, cause="threads")
    assert scored(LEAK, "LEAK", SUSPECT, threads).cause_right
    assert not scored(LEAK, "LEAK", threads, SUSPECT).cause_right


def test_the_culprit_may_be_the_first_or_among_the_first_three() -> None:
    other = replace(SUSPECT, type="dict")
    late = scored(LEAK, "LEAK", other, other, SUSPECT)
    assert not late.culprit_in_top(1)
    assert late.culprit_in_top(3)


def test_nothing_else_is_right_where_the_verdict_is_wrong() -> None:
    miss = scored(LEAK, "CLEAN")
    assert not miss.cause_right
    assert not miss.culprit_in_top(3)
    assert miss.size_error is None


def test_the_error_is_relative_to_the_truth() -> None:
    assert scored(LEAK, "LEAK").size_error == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("truth", "meant"),
    [
        (Culprit(sites=("app.py:keep",)), True),
        (Culprit(sites=("views/app.py:Keeper.keep",)), True),
        (Culprit(sites=("pp.py:keep",)), False),
        (Culprit(sites=("app.py:drop",)), False),
        (Culprit(types=("app.Record",)), True),
        (Culprit(types=("Record",)), False),
        (Culprit(paths=("app._SEEN",)), True),
        (Culprit(paths=("_SEEN",)), False),
        (Culprit(), False),
    ],
)
def test_who_is_meant(truth: Culprit, meant: bool) -> None:
    assert is_culprit(SUSPECT, truth) is meant


def test_a_native_leak_needs_the_shared_object_and_the_line_that_called_it() -> None:
    truth = Culprit(sites=("app.py:keep",), shared_object="msgpack/_cmsgpack*.so")
    assert is_culprit(SUSPECT, truth)
    assert not is_culprit(replace(SUSPECT, library=None), truth)
    assert not is_culprit(replace(SUSPECT, site=None), truth)
    assert not is_culprit(replace(SUSPECT, site="app.py:9:other"), truth)


def by_name(name: str, *every: Scored) -> Rate:
    return next(rate for rate in rates(every) if rate.name.startswith(name))


def test_rates_count_runs_and_count_cases_once() -> None:
    runs = [scored(LEAK, verdict, name=name) for name, verdict in [("a", "LEAK"), ("a", "CLEAN"), ("b", "LEAK")]]
    found = by_name("leaks found", *runs, scored(CLEAN, "CLEAN"))
    assert (found.runs.hits, found.runs.of) == (2, 3)
    assert (found.cases.hits, found.cases.of) == (1.5, 2)


def test_a_false_alarm_is_leak_where_nothing_leaks() -> None:
    alarms = by_name("false alarms", scored(CLEAN, "LEAK"), scored(CLEAN, "CLEAN"), scored(LEAK, "LEAK"))
    assert (alarms.runs.hits, alarms.runs.of) == (1, 2)


def test_a_run_that_crashed_counts_as_one() -> None:
    lost = by_name("no verdict", scored(LEAK, None), scored(CLEAN, "CLEAN"))
    assert (lost.runs.hits, lost.runs.of) == (1, 2)


def test_the_ninetieth_percentile_of_ten_is_the_ninth() -> None:
    runs = [Scored(case(LEAK), LEAK, replace(RESULT, seconds=float(seconds))) for seconds in range(1, 11)]
    whole = next(spread for spread in spreads(runs) if spread.name == "seconds of the whole run")
    assert (whole.median, whole.p90) == (5.5, 9.0)
