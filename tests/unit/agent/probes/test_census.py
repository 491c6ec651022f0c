from __future__ import annotations

import sys
from pathlib import Path

import pytest

from leakhunt.targets.shipped import source
from unit.agent.probes.inside import oldest_and_newest, run_inside

PROGRAM = """
from leakhunt.agent.probes.census import types as census
class Order:
    pass
orders = [Order() for _ in range(123)]
lines = [[] for _ in range(4000)]
rows = census(given, scene())
print(json.dumps([rows, problems]))
"""


@oldest_and_newest
def test_live_objects_are_counted_by_objgraph(python: Path) -> None:
    rows, problems = run_inside(python, PROGRAM, {"objgraph": source("objgraph")})
    counts = dict(rows)
    assert len(counts) == len(rows)
    assert counts["__main__.Order"] == 123
    assert 4000 <= counts["list"] < 5000
    assert problems == []


@pytest.mark.parametrize("sources", [{}, {"objgraph": "import a_module_that_is_not_there"}], ids=["absent", "broken"])
def test_they_are_counted_without_it_where_it_cannot_run(sources: dict[str, str]) -> None:
    rows, problems = run_inside(Path(sys.executable), PROGRAM, sources)
    counts = dict(rows)
    assert counts["__main__.Order"] == 123
    assert 4000 <= counts["list"] < 5000
    (problem,) = problems
    assert "types are counted without it" in problem
