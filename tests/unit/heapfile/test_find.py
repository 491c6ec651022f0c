"""A heap file by its name, or by the run that it is in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.heapfile.find import find_heap


def test_a_file_means_itself_and_a_run_its_latest_or_its_nth(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for number, name in enumerate(("b.heap", "a.heap")):
        (run / name).touch()
        os.utime(run / name, (1000 + number, 1000 + number))
    assert find_heap(tmp_path / "x.heap") == tmp_path / "x.heap"
    assert find_heap(run) == run / "a.heap"
    assert find_heap(Path(f"{run}:1")) == run / "b.heap"
    assert find_heap(Path(f"{run}:2")) == run / "a.heap"
    with pytest.raises(UsageError, match="has no heap 3: it has 2"):
        find_heap(Path(f"{run}:3"))
    with pytest.raises(UsageError, match="has no heap in it"):
        find_heap(tmp_path)
