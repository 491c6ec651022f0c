"""A small part of the benchmark, under the interpreter and the packages that run the tests."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leakbench.case import Case, load_case, load_cases
from leakbench.runner import Bench, Code
from leakbench.scoring import Scored
from leakbench.series import read_series
from leakbench.trial import Trial

NAMES = ("blinker-strong-receivers",)
"""What they need is there wherever the tests run, and each of their runs takes seconds."""


def here(case: Case) -> Case:
    """The case, served by what the development environment has."""
    return replace(case, server=None, python=f"{sys.version_info.major}.{sys.version_info.minor}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", ["leaky", "fixed"])
def test_leakhunt_is_right_about(name: str, side: str, tmp_path: Path) -> None:
    (case,) = load_cases(names=[name])
    trial = Trial(here(load_case(case.directory)), case.side(side), seed=7)
    bench = Bench(cache=tmp_path, timeout=120.0, python=Path(sys.executable))
    code = Code.here()
    result = bench.run(trial, code)
    assert result.answer is not None, result.error
    scored = Scored(case, case.side(side), result)
    assert scored.right, result.answer
    assert not scored.leaks or scored.culprit_in_top(3), result.answer
    seen = read_series(bench.series_store(code))[trial.key].series
    assert seen is not None
    assert len(seen.requests) == len(seen.rss) == len(seen.anonymous) == 1 + result.answer.rounds
