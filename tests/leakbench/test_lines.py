"""What the benchmark has found out survives it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from leakbench.lines import append_line, read_lines, to_line, write_lines
from leakbench.samples import RESULT


def seeds(path: Path) -> list[int]:
    return [line["seed"] for line in read_lines(path)]


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert seeds(tmp_path / "results.jsonl") == []


@pytest.mark.parametrize("rest", ["", "{", to_line(replace(RESULT, seed=2))[:40]])
def test_a_line_that_was_cut_short_costs_no_other(rest: str, tmp_path: Path) -> None:
    file = tmp_path / "results" / "results.jsonl"
    append_line(file, RESULT)
    with file.open("a") as torn:
        torn.write(rest)
    append_line(file, replace(RESULT, seed=3))
    append_line(file, replace(RESULT, seed=4))
    assert seeds(file) == [1, 3, 4]


def test_an_empty_file_gets_no_empty_line(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.touch()
    append_line(file, RESULT)
    assert file.read_text() == to_line(RESULT)


def test_a_file_that_is_written_anew_is_in_order(tmp_path: Path) -> None:
    file = tmp_path / "results" / "results.jsonl"
    write_lines(file, [replace(RESULT, seed=2), RESULT])
    assert [json.loads(line)["seed"] for line in file.read_text().splitlines()] == [1, 2]
