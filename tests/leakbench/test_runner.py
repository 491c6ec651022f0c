"""Trials run through the real command line; each has a result, and none is run twice."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leakbench.case import load_case
from leakbench.lines import append_line
from leakbench.results import read_results
from leakbench.runner import Bench, Code
from leakbench.samples import RESULT
from leakbench.series import read_series
from leakbench.trial import plan

CODE = Code("code", "commit")
TOML = """
title = "Does not start"
origin = "seeded"
python = "3.11"
[axes]
holder = "none"
signal = "live"
trigger = "never"
[leaky]
env = { LEAKY = "1" }
verdict = "LEAK"
cause = "native"
[fixed]
verdict = "CLEAN"
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    directory = tmp_path / "case"
    directory.mkdir()
    (directory / "case.toml").write_text(TOML)
    (directory / "app.py").write_text("raise RuntimeError('no such thing')\n")
    return directory


def bench(tmp_path: Path, said: list[str], **options: float) -> Bench:
    return Bench(cache=tmp_path / "cache", python=Path(sys.executable), say=said.append, **options)


def test_a_run_that_fails_is_a_result_and_is_not_run_again(app: Path, tmp_path: Path) -> None:
    said: list[str] = []
    trials = plan([load_case(app)], seeds=1, sides=("leaky", "fixed"))
    first = bench(tmp_path, said).run_all(trials[:1], CODE)
    assert (first[0].outcome, first[0].exit_code, first[0].answer) == ("failed", 3, None)
    assert "no such thing" in (first[0].error or "")
    both = bench(tmp_path, said).run_all(trials, CODE)
    assert both[0] == first[0]
    assert sum(line.startswith("[") for line in said) == 2


def test_a_run_that_does_not_end_is_a_result(app: Path, tmp_path: Path) -> None:
    (app / "app.py").write_text("import time\ntime.sleep(60)\n")
    (trial,) = plan([load_case(app)], seeds=1, sides=("leaky",))
    result = bench(tmp_path, [], timeout=3.0).run(trial, CODE)
    assert (result.outcome, result.exit_code) == ("timed out", None)


def test_another_app_or_other_packages_make_another_trial_and_another_truth_does_not(app: Path) -> None:
    def digest() -> str:
        return plan([load_case(app)], seeds=1, sides=("leaky",))[0].digest

    before = digest()
    (app / "case.toml").write_text(TOML.replace('cause = "native"', 'cause = "threads"'))
    assert digest() == before
    (app / "case.toml").write_text(TOML.replace("[fixed]", 'requirements = ["blinker==1.9.0"]\n[fixed]'))
    assert digest() != before
    (app / "case.toml").write_text(TOML)
    (app / "app.py").write_text("application = None\n")
    assert digest() != before


def test_every_case_has_its_turn_before_the_next_seed(app: Path) -> None:
    trials = plan([load_case(app)], seeds=2, sides=("leaky", "fixed"))
    assert [(trial.side.name, trial.seed) for trial in trials] == [
        ("leaky", 1),
        ("fixed", 1),
        ("leaky", 2),
        ("fixed", 2),
    ]


def test_sides_in_which_nothing_grows_may_have_more_seeds(app: Path) -> None:
    trials = plan([load_case(app)], seeds=1, sides=("leaky", "fixed"), harmless_seeds=3)
    assert [(trial.side.name, trial.seed) for trial in trials] == [
        ("leaky", 1),
        ("fixed", 1),
        ("fixed", 2),
        ("fixed", 3),
    ]


def test_results_are_read_back_and_the_last_of_a_trial_counts(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for result in (replace(RESULT, answer=None), replace(RESULT, seed=2), RESULT):
        append_line(file, result)
    assert read_results(file) == (RESULT, replace(RESULT, seed=2))


def test_a_run_that_recorded_nothing_keeps_its_result(app: Path, tmp_path: Path) -> None:
    (trial,) = plan([load_case(app)], seeds=1, sides=("leaky",))
    runs = bench(tmp_path, [])
    (result,) = runs.run_all([trial], CODE)
    assert result.outcome == "failed"
    assert read_series(runs.series_store(CODE))[trial.key].series is None
