from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import preload
from unit.agent.probes.inside import each_interpreter, run_inside, with_mimalloc

PROGRAM = """
from leakhunt.agent.probes.heap import heap
seen = [heap(None, scene())]
small = [bytes(100) for _ in range(100_000)]
seen.append(heap(None, scene()))
middle = [bytes(10_000) for _ in range(1000)]
seen.append(heap(None, scene()))
large = bytes(40_000_000)
seen.append(heap(None, scene()))
lists = [[] for _ in range(2000)]
seen.append(heap(None, scene()))
print(json.dumps(seen))
"""


def growth(seen: list[dict[str, Any]], step: int, column: str) -> int:
    return int(seen[step][column] - seen[step - 1][column])


@each_interpreter
def test_every_byte_is_accounted_to_the_allocator_that_serves_it(python: Path) -> None:
    seen = run_inside(python, PROGRAM)
    small, middle, large, lists = 1, 2, 3, 4
    assert growth(seen, small, "pymalloc") == pytest.approx(100_000 * 144, rel=0.02)
    assert growth(seen, small, "malloc") == pytest.approx(100_000 * 8, rel=0.2)
    assert growth(seen, small, "blocks") == pytest.approx(100_000, rel=0.01)
    assert growth(seen, middle, "malloc") == pytest.approx(10_000_000, rel=0.05)
    assert growth(seen, middle, "pymalloc") < 50_000
    assert growth(seen, large, "malloc") == pytest.approx(40_000_000, rel=0.02)
    assert growth(seen, large, "pymalloc") < 50_000
    assert growth(seen, lists, "objects") == pytest.approx(2000, abs=20)


def test_without_pymalloc_all_is_in_malloc() -> None:
    seen = run_inside(Path(sys.executable), PROGRAM, env={"PYTHONMALLOC": "malloc"})
    assert [each["pymalloc"] for each in seen] == [0] * 5
    assert growth(seen, 1, "malloc") > 100_000 * 133


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
def test_another_malloc_is_read_where_it_tells_what_is_in_use(allocator: str) -> None:
    seen = run_inside(Path(sys.executable), PROGRAM, env=preload(allocator))
    assert growth(seen, 1, "pymalloc") == pytest.approx(100_000 * 144, rel=0.02)
    assert growth(seen, 2, "malloc") == pytest.approx(10_240_000, rel=0.05)
    assert growth(seen, 3, "malloc") == pytest.approx(40_000_000, rel=0.1)


def test_what_mimalloc_has_in_use_is_not_known() -> None:
    seen = run_inside(Path(sys.executable), PROGRAM, env=preload("mimalloc"))
    assert [each["malloc"] for each in seen] == [None] * 5
    assert growth(seen, 1, "pymalloc") == pytest.approx(100_000 * 144, rel=0.02)


@with_mimalloc
def test_what_the_interpreters_own_mimalloc_has_in_use_is_not_known(python: Path) -> None:
    seen = run_inside(python, PROGRAM, env={"PYTHONMALLOC": "mimalloc"})
    assert [each["pymalloc"] for each in seen] == [None] * 5
    assert growth(seen, 1, "malloc") < 100_000


def test_the_wrapper_for_debugging_serves_small_objects_from_pymalloc() -> None:
    seen = run_inside(Path(sys.executable), PROGRAM, env={"PYTHONMALLOC": "debug"})
    assert growth(seen, 1, "pymalloc") == pytest.approx(100_000 * 160, rel=0.02)
