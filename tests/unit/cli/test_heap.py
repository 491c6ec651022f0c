"""`leakhunt heap`: a heap taken from a real process, and what is refused before anything is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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


def nothing_is_left_below(pid: int) -> None:
    """The agent takes leave of its children as it goes."""
    deadline = time.monotonic() + 10
    while tree.descendants(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_heap_of_a_process_is_taken_and_what_it_has_frozen_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.heap"
    with keeping() as pid:
        assert main(["heap", "take", str(pid), "-o", str(file)]) == 0
        nothing_is_left_below(pid)
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
    with keeping(PROGRAM.replace("range(500)", "range(2_000_000)")) as pid:
        assert main(["heap", "take", str(pid), "-o", str(tmp_path / "a.heap"), "--timeout", "1"]) == 3
        nothing_is_left_below(pid)
        os.kill(pid, 0)
    assert "did not finish within 1 s" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A heap in which 20 000 orders come together."""
    file = tmp_path_factory.mktemp("heap") / "a.heap"
    with keeping(PROGRAM.replace("range(500)", "range(20_000)")) as pid:
        assert main(["heap", "take", str(pid), "-o", str(file)]) == 0
    return file


def said(capsys: pytest.CaptureFixture[str], *argv: object, code: int = 0) -> str:
    assert main(["heap", *map(str, argv)]) == code
    printed = capsys.readouterr()
    return printed.out if code == 0 else printed.err


def test_the_types_of_a_heap_are_listed(heap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_count = said(capsys, "top", heap, "--sort", "count", "--rows", "2").splitlines()
    assert any(line.startswith("__main__.Order  20,000") for line in by_count)
    assert "types more" in by_count[-1]


def test_the_list_in_which_orders_come_together_is_the_accumulation_point(
    heap: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "dominators", heap, "--depth", "3")
    assert "accumulation point: module __main__ -> .KEPT (list)" in text
    assert "20,000 entries" in text
    assert "which holds 20,000 x __main__.Order" in text


def test_the_path_of_a_type_and_of_an_object_lead_to_its_holder(heap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    merged = said(capsys, "path", heap, "--type", "Order")
    assert "(100%) by way of\n  module __main__ -> .KEPT (list) -> [*] (__main__.Order)\n" in merged
    line = next(line for line in said(capsys, "find", heap, "--type", "list").splitlines() if ".KEPT" in line)
    one = said(capsys, "path", heap, "--object", line.split()[0])
    assert "20,000 entries\n\nmodule __main__ -> .KEPT (list)\n" in one
    assert "Give either --type or --object" in said(capsys, "path", heap, code=2)
    assert "no object of type 'Nothing'" in said(capsys, "path", heap, "--type", "Nothing", code=2)
    assert "no object of type 'Nothing'" in said(capsys, "find", heap, "--type", "Nothing", code=2)
    assert "is no address" in said(capsys, "path", heap, "--object", "order", code=2)
    assert "There is no object at 0x1" in said(capsys, "path", heap, "--object", "0x1", code=2)


def test_what_has_grown_from_one_heap_to_the_next_is_told(
    heap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "b.heap"
    with keeping(PROGRAM.replace("range(500)", "range(30_000)")) as pid:
        assert main(["heap", "take", str(pid), "-o", str(later)]) == 0
    capsys.readouterr()
    text = said(capsys, "diff", heap, later)
    assert "retained by module __main__ -> .KEPT (list)" in text
    assert "20,000 -> 30,000 entries" in text
    assert "__main__.Order  30,000  +10,000" in text


def test_what_is_no_heap_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("no")
    assert "is no heap file" in said(capsys, "top", tmp_path / "x", code=3)
    assert "has no heap in it" in said(capsys, "top", tmp_path, code=2)


def test_a_heap_becomes_a_page(heap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "a.html"
    assert said(capsys, "html", heap, "-o", page) == f"{page}\n"
    assert "__main__.Order" in page.read_text()
    assert "cannot be written" in said(capsys, "html", heap, "-o", tmp_path / "none" / "a.html", code=2)
