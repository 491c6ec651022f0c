"""`leakhunt heap`: a heap taken from a real process, and what is refused before anything is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heaps import objects_of
from leakhunt.cli.main import main
from leakhunt.heapfile.read import read_heap
from leakhunt.targets import tree

PROGRAM = """
import gc, time
class Order:
    def __init__(self, number):
        self.number = number
KEPT = [Order(number) for number in range(500)]
gc.freeze()
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


@contextmanager
def keeping(program: str = PROGRAM) -> Iterator[int]:
    """Pid of a process that keeps something."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_the_heap_of_a_process_is_taken_and_what_it_has_frozen_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.heap"
    with keeping() as pid:
        assert main(["heap", "take", str(pid), "-o", str(file)]) == 0
        assert tree.descendants(pid) == ()
    said = capsys.readouterr()
    assert said.out == f"{file}\n"
    assert "stood still" in said.err
    assert "the copy took" in said.err
    graph = read_heap(file)
    assert len(objects_of(graph, "__main__.Order")) == 500
    assert graph.origin.pid == pid
    assert graph.origin.pause is not None
    assert not any(root.name.startswith("_leakhunt") for root in graph.roots if root.kind != "own")


def test_a_file_that_exists_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.heap"
    file.write_text("mine")
    with keeping() as pid:
        assert main(["heap", "take", str(pid), "-o", str(file)]) == 2
        assert main(["heap", "take", str(pid), "-o", str(tmp_path / "none" / "a.heap")]) == 2
    said = capsys.readouterr().err
    assert "exists already" in said
    assert "There is no directory" in said
    assert file.read_text() == "mine"


def test_a_process_that_is_none_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with keeping() as pid:
        pass
    assert main(["heap", "take", str(pid), "-o", str(tmp_path / "a.heap")]) == 3
    assert f"PID {pid} does not exist (any more)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_heap_that_takes_too_long_is_given_up_without_a_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with keeping(PROGRAM.replace("range(500)", "range(900_000)")) as pid:
        assert main(["heap", "take", str(pid), "-o", str(tmp_path / "a.heap"), "--timeout", "1"]) == 3
        assert tree.descendants(pid) == ()
        os.kill(pid, 0)
    assert "did not finish within 1 s" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
