"""Limits as a project writes them down."""

from __future__ import annotations

import pytest

from leakhunt.errors import ConfigError
from leakhunt.model.gate import Budgets, Limits
from leakhunt.project.limits import read_budgets
from leakhunt.workload.table import parse_document


def read(text: str) -> Budgets:
    return read_budgets(parse_document(text, "leakhunt.toml").root())


def test_no_limits_are_no_limits() -> None:
    assert read("") == Budgets()
    assert read("").smallest_growth is None


def test_limits_of_a_route_go_over_those_of_all() -> None:
    budgets = read(
        """
        [budgets]
        growth = "64B/request"
        peak = "20MB"
        memory = "500MB"
        [budgets."POST /upload"]
        growth = "1KB/request"
        amplification = 1.5
        new-types = 0
        """
    )
    own = budgets.of("POST /upload")
    assert own.growth is not None
    assert (own.growth.per_request, own.peak, own.amplification, own.new_types) == (1000.0, 20_000_000, 1.5, 0.0)
    assert budgets.of("GET /") == budgets.every
    assert budgets.smallest_growth == budgets.every.growth
    assert budgets.every == Limits(budgets.every.growth, 20_000_000, None, 500_000_000)


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ('[budgets]\ngrwoth = "64B"\n', 2, "budgets.grwoth", "`growth`"),
        ('[budgets]\ngrowth = "much"\n', 2, "budgets.growth", ""),
        ("[budgets]\npeak = 0\n", 2, "budgets.peak", "20MB"),
        ("[budgets]\npeak = true\n", 2, "budgets.peak", "20MB"),
        ("[budgets]\nthreads = -1\n", 2, "budgets.threads", ""),
        ("[budgets]\nnew_types = 0\n", 2, "budgets.new_types", "`new-types`"),
        ("[budgets]\namplification = nan\n", 2, "budgets.amplification", ""),
        ("[budgets.upload]\npeak = 1\n", 1, "budgets.upload", "POST /upload"),
        ('[budgets."GET /"]\nmemory = "1GB"\n', 2, "budgets.GET /.memory", "[tool.leakhunt.budgets]"),
        ('[budgets."GET /"]\nfile = 1\n', 2, "budgets.GET /.file", "`files`"),
    ],
)
def test_a_mistake_names_line_key_and_what_to_write(text: str, line: int, key: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert hint in (caught.value.hint or "")
