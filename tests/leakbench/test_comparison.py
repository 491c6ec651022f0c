"""leakhunt and its peers are compared on the very same trials, and no run is made twice."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from leakbench import documentation
from leakbench.case import CASES, Case, load_case
from leakbench.intervals import Share
from leakbench.lines import append_line, write_lines
from leakbench.peers.__main__ import main
from leakbench.peers.comparison import Standing, common, published_report, report, standings
from leakbench.peers.inside import nothing, objgraph_growth, pympler_tracker, tracemalloc_diff
from leakbench.peers.outcome import Outcome, publish, read_outcomes
from leakbench.peers.own import Own
from leakbench.peers.registry import INTRUSIVE, Peer, module_name
from leakbench.peers.run import REQUESTS, digest_of
from leakbench.peers.runner import Comparison
from leakbench.results import Result, published, published_series
from leakbench.samples import ANSWER, RESULT
from leakbench.series import Recorded, Series
from leakbench.trial import Trial, plan

CASE = load_case(CASES / "seeded-seen-tokens")
SITE = f"app.py:1:{CASE.side('leaky').culprit.sites[0].partition(':')[2]}"
PEERS = (nothing, objgraph_growth)
RISING = Series((0, 100, 200, 300, 400, 500), (100, 130, 160, 190, 220, 250), ())


def result(side: str, verdict: str | None, *, case: Case = CASE, seed: int = 1) -> Result:
    answer = None if verdict is None else replace(ANSWER, verdict=verdict)
    now = replace(RESULT, case=case.name, side=side, seed=seed, answer=answer)
    return now if verdict else replace(now, outcome="failed")


def outcome(peer: Peer, side: str, verdict: str | None, **changes: object) -> Outcome:
    name = module_name(peer)
    judged = Outcome(name, CASE.name, side, 1, "t", ANSWER.requests, "judged", "", verdict, None, 5.0, 2.0)
    return replace(judged, **changes)  # type: ignore[arg-type]


def compared(own: Own, *outcomes: Outcome, case: Case = CASE) -> dict[str, Standing]:
    by_key = {each.key: each for each in outcomes}
    return {row.title: row for row in standings(common([case], own, by_key, PEERS), PEERS)}


def own(*results: Result, series: Mapping[str, Series | None] | None = None) -> Own:
    kept = (Recorded(CASE.name, side, 1, "t", levels) for side, levels in (series or {}).items())
    return Own({each.key: each for each in results}, {each.key: each for each in kept})


BARE = (outcome(nothing, "leaky", "CLEAN"), outcome(nothing, "fixed", "CLEAN"))
OWN = own(result("leaky", "LEAK"), result("fixed", "CLEAN"))


def test_leaks_found_and_false_alarms_are_counted_by_the_truth_of_the_side() -> None:
    alarms = (outcome(objgraph_growth, "leaky", "LEAK"), outcome(objgraph_growth, "fixed", "LEAK"))
    rows = compared(OWN, *BARE, *alarms)
    assert list(rows) == ["leakhunt", objgraph_growth.TITLE]
    assert [(row.found, row.alarms) for row in rows.values()] == [
        (Share(1, 1), Share(0, 1)),
        (Share(1, 1), Share(1, 1)),
    ]


def test_a_tool_that_could_not_run_has_found_nothing_and_raised_no_alarm() -> None:
    lost = [outcome(objgraph_growth, side, None, outcome="timed out", app_seconds=None) for side in ("leaky", "fixed")]
    row = compared(OWN, *BARE, *lost)[objgraph_growth.TITLE]
    assert (row.found, row.alarms, row.culprits) == (Share(0, 1), Share(0, 1), Share(0, 1))
    assert row.cells()[-4:] == ("0", "0", "2", "")


def test_what_was_not_tried_has_no_share() -> None:
    row = compared(own(result("fixed", "CLEAN")), BARE[1], outcome(objgraph_growth, "fixed", "CLEAN"))["leakhunt"]
    assert row.cells()[1:7] == ("", "", "", "0/1 = 0.0%", "0.0% to 79.3%", "")


def test_a_run_of_leakhunt_that_failed_has_found_nothing_either() -> None:
    failed = [replace(each, requests=REQUESTS) for each in (BARE[0], outcome(objgraph_growth, "leaky", "LEAK"))]
    row = compared(own(result("leaky", None)), *failed)["leakhunt"]
    assert (row.found, row.cells()[8]) == (Share(0, 1), "1")


def test_a_trial_without_every_tool_or_with_other_requests_is_left_out_for_all() -> None:
    fewer = outcome(objgraph_growth, "leaky", "LEAK", requests=ANSWER.requests * 9 // 10)
    rows = compared(OWN, *BARE, fewer, outcome(objgraph_growth, "fixed", "CLEAN"))
    assert [len(row.said) for row in rows.values()] == [1, 1]
    assert rows["leakhunt"].found.of == 0
    assert not compared(own(result("leaky", "LEAK")), *BARE)["leakhunt"].said


def test_a_leak_of_something_else_than_memory_is_a_leak_all_the_same() -> None:
    threads = replace(CASE, axes=replace(CASE.axes, signal="threads"))
    both = (*BARE, *(outcome(objgraph_growth, side, "CLEAN") for side in ("leaky", "fixed")))
    assert compared(OWN, *both)[objgraph_growth.TITLE].found_in_memory == Share(0, 1)
    row = compared(OWN, *both, case=threads)[objgraph_growth.TITLE]
    assert (row.found, row.found_in_memory) == (Share(0, 1), Share(0, 0))


@pytest.mark.parametrize(
    ("verdict", "site", "right"), [("LEAK", SITE, 1), ("LEAK", "app.py:1:no", 0), ("CLEAN", SITE, 0)]
)
def test_the_culprit_is_that_of_a_leak_that_was_found(verdict: str, site: str, right: int) -> None:
    suspect = replace(ANSWER.suspects[0], type=None, library=None, path=None, site=site)
    leaky = outcome(objgraph_growth, "leaky", verdict, suspect=suspect)
    rows = compared(OWN, *BARE, leaky, outcome(objgraph_growth, "fixed", "CLEAN"))
    assert rows[objgraph_growth.TITLE].culprits == Share(right, 1)


def test_times_are_compared_with_the_bare_run_of_the_same_trial() -> None:
    slow = outcome(objgraph_growth, "leaky", "LEAK", app_seconds=6.0)
    rows = compared(OWN, *BARE, slow, outcome(objgraph_growth, "fixed", "CLEAN", app_seconds=10.0))
    assert rows[objgraph_growth.TITLE].times == 4  # three times and five times two seconds
    assert rows["leakhunt"].times is None


def test_tests_from_outside_judge_the_trials_whose_series_were_kept() -> None:
    peers = [*BARE, *(outcome(objgraph_growth, side, "CLEAN") for side in ("leaky", "fixed"))]
    kept = own(*OWN.results.values(), series={"leaky": RISING, "fixed": None})
    rows = compared(kept, *peers)
    assert rows["RSS grew by more than 10 %"].found == Share(1, 1)
    assert rows["RSS grew by more than 10 %"].alarms == Share(0, 1)
    assert rows["RSS grew by more than 10 %"].cells()[6:8] == ("", "1")  # names nobody; the failed run has no series
    assert rows["Anonymous Mann-Kendall, 1 %"].cells()[7] == "2"
    half = rows = compared(own(*OWN.results.values(), series={"fixed": RISING}), *peers)
    assert (half["RSS least squares, 1 %"].found, half["RSS least squares, 1 %"].alarms) == (Share(0, 0), Share(1, 1))
    assert "RSS least squares, 1 %" not in compared(OWN, *peers)


def test_a_series_of_another_version_of_the_app_is_not_judged() -> None:
    peers = [*BARE, *(outcome(objgraph_growth, side, "CLEAN") for side in ("leaky", "fixed"))]
    other = Own(OWN.results, {each.key: each for each in [Recorded(CASE.name, "leaky", 1, "another", RISING)]})
    assert list(compared(other, *peers)) == ["leakhunt", objgraph_growth.TITLE]


def test_the_report_says_what_was_compared_and_what_was_left_out() -> None:
    outcomes = (*BARE, outcome(objgraph_growth, "leaky", "LEAK"))
    text = report([CASE], OWN, {each.key: each for each in outcomes}, PEERS)
    assert text.startswith("1 trials of 1 cases: 1 with a leak, 0 in which nothing grows without end.")
    assert "objgraph 3.6.2" in text
    assert "Left out are 1 trials" in text
    assert "| leakhunt | 1/1 = 100.0% | 20.7% to 100.0% |" in text
    assert report([CASE], OWN, {}, PEERS) == "The comparison has not been made yet."


def test_the_table_can_be_made_again_from_the_committed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leakbench.results.PUBLISHED", tmp_path)
    case = load_case(CASES / "seeded-audit-text")  # one that is set aside
    open_, apart = (result("leaky", "LEAK", case=each) for each in (CASE, case))
    write_lines(published(held_out=False), [open_])
    write_lines(published(held_out=True), [apart])
    write_lines(published_series(held_out=False), [Recorded(*open_.key, "t", RISING)])
    write_lines(published_series(held_out=True), [Recorded(*apart.key, "t", RISING)])
    each = [outcome(peer, "leaky", "LEAK", case=each.case) for peer in INTRUSIVE for each in (open_, apart)]
    publish(each, (), tmp_path / "peers.jsonl")
    text = published_report(tmp_path / "peers.jsonl")
    assert text.startswith("2 trials of 2 cases: 2 with a leak")
    assert text.count(" | 2/2 = 100.0% | ") >= 1 + len(INTRUSIVE) - 1 + 3  # leakhunt, the peers, RSS in three tests


def test_the_table_in_the_documentation_is_that_of_the_committed_files() -> None:
    """`PYTHONPATH=tests python -m leakbench.peers docs` writes it."""
    page = documentation.PAGE.read_text(encoding="utf-8")
    assert documentation.with_part(page, "peers", published_report()) == page


def test_results_and_series_of_a_trial_are_taken_from_the_same_run() -> None:
    first = own(result("leaky", "LEAK"))
    second = own(result("leaky", "CLEAN"), result("fixed", "CLEAN"), series={"leaky": RISING, "fixed": RISING})
    both = first.over(second)
    assert both.results[CASE.name, "leaky", 1].verdict == "LEAK"
    assert list(both.series) == [(CASE.name, "fixed", 1)]


def test_peers_get_as_many_requests_as_leakhunt_sent() -> None:
    trial = Trial(CASE, CASE.side("leaky"), 1)
    now = replace(result("leaky", "LEAK"), trial=trial.digest)
    assert own(now).requests(trial) == ANSWER.requests
    assert own(replace(now, answer=None)).requests(trial) == REQUESTS
    assert own(replace(now, trial="another app")).requests(trial) == REQUESTS
    assert own().requests(trial) == REQUESTS


def test_publishing_some_cases_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results" / "peers.jsonl"
    other, old = replace(BARE[0], case="set-aside"), replace(BARE[1], seed=2)
    publish([other, old], (), file)
    publish(BARE, {CASE.name}, file)
    assert list(read_outcomes(file).values()) == [BARE[1], BARE[0], other]


APP = """
import os
KEPT = []
def application(environ, start_response):
    if os.environ["LEAKY"] == "1":
        KEPT.append(environ["QUERY_STRING"] * 50)
    start_response("200 OK", [])
    return [b"ok"]
"""


@pytest.fixture
def app(tmp_path: Path) -> Case:
    directory = tmp_path / "kept"
    directory.mkdir()
    (directory / "app.py").write_text(APP)
    (directory / "case.toml").write_text((CASE.directory / "case.toml").read_text())
    return load_case(directory)


def test_what_has_its_outcome_is_not_run_again(app: Case, tmp_path: Path) -> None:
    said: list[str] = []
    runs = Comparison(tmp_path / "cache", timeout=60, python=Path(sys.executable), say=said.append)
    trials = plan([app], seeds=1, sides=("leaky", "fixed"))
    sent = Own(
        {trial.key: replace(result(trial.side.name, "LEAK", case=app), trial=trial.digest) for trial in trials}, {}
    )
    first = runs.run_all(trials[:1], (nothing, tracemalloc_diff), sent)
    assert [(each.peer, each.verdict, each.requests) for each in first] == [
        ("nothing", "CLEAN", 900),
        ("tracemalloc_diff", "LEAK", 900),
    ]
    both = runs.run_all(trials, (nothing, tracemalloc_diff), sent)
    assert both[:2] == first
    assert [each.verdict for each in both[2:]] == ["CLEAN", "CLEAN"]
    assert sum(line.startswith("[") for line in said) == 4
    assert runs.run_all(trials[:1], (nothing,), Own({}, {}))[0].requests == REQUESTS  # another number: run again


def test_what_could_not_run_is_tried_again(app: Case, tmp_path: Path) -> None:
    runs = Comparison(tmp_path / "cache", timeout=60, python=Path(sys.executable), say=lambda _: None)
    (trial,) = plan([app], seeds=1, sides=("leaky",))
    before = Outcome(
        *("nothing", *trial.key, digest_of(nothing, trial, REQUESTS), REQUESTS, "not applicable"),
        *("its package could not be installed", None, None, 1.0, None),
    )
    append_line(runs.store, before)
    assert runs.run_all([trial], (nothing,), Own({}, {}))[0].outcome == "judged"


def test_the_rule_of_one_peer_is_nothing_to_another(app: Case) -> None:
    trial = Trial(app, app.side("leaky"), 1)
    digests = {digest_of(peer, trial, 100) for peer in (nothing, tracemalloc_diff, pympler_tracker)}
    assert len(digests) == 3
    assert digest_of(nothing, trial, 100) != digest_of(nothing, trial, 101)


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--case", "nobody"], "there is no case 'nobody'"), (["--peer", "nobody"], "'nobody' is not one of 'nothing'")],
)
def test_what_there_is_not_is_refused(options: list[str], said: str) -> None:
    done = CliRunner().invoke(main, ["run", *options])
    assert done.exit_code != 0
    assert said in done.output
