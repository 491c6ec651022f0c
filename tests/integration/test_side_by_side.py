"""The comparison of attachers sees what a tool does to its target: these tools do it on purpose."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from side_by_side import targets
from side_by_side.tools import TOOLS, Errand, Tool, marked
from side_by_side.trial import leave_alone, try_tool

PYTHON = Path(sys.executable)


def a_tool(program: str) -> Tool:
    """One that runs a program, which has the pid of the target and the marker that it is to write."""
    lines = (
        f"import os, pathlib, signal, sys, time\npid, marker = int(sys.argv[1]), pathlib.Path(sys.argv[2])\n{program}"
    )
    command: Callable[[Errand], tuple[str, ...]] = lambda errand: (  # noqa: E731
        sys.executable,
        "-c",
        lines,
        str(errand.pid),
        str(errand.marker),
    )
    return Tool("a tool", (), command, marked)


def test_leakhunt_attaches_and_the_target_lives_on() -> None:
    (ours,) = (tool for tool in TOOLS if tool.name == "leakhunt")
    trial = try_tool(ours, PYTHON, "idle", limit=60)
    assert trial.duration is not None, trial.problem
    assert (trial.lost, trial.problem) == (None, "")


@pytest.mark.parametrize("state", ["busy", "blocked", targets.WEB])
def test_a_target_that_was_killed_is_lost(state: str) -> None:
    trial = try_tool(a_tool("os.kill(pid, 9); sys.exit('did it')"), PYTHON, state)
    assert trial.lost in {"ended with -9", "the worker has ended"}
    assert (trial.duration, trial.problem) == (None, "did it")


def test_a_target_that_hangs_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "ANSWER", 1.0)
    trial = try_tool(a_tool("os.kill(pid, signal.SIGSTOP); sys.exit(1)"), PYTHON, "busy")
    assert trial.lost == "no answer in 1 s"


@pytest.mark.parametrize("state", ["busy", targets.WEB])
def test_a_pause_is_seen_by_the_target_or_its_clients(state: str) -> None:
    stop = "os.kill(pid, signal.SIGSTOP); time.sleep(1); os.kill(pid, signal.SIGCONT); marker.write_text(str(pid))"
    trial = try_tool(a_tool(stop), PYTHON, state)
    assert trial.lost is None
    assert trial.duration is not None
    assert trial.pause >= 0.9


def test_a_tool_that_does_nothing_has_not_succeeded() -> None:
    trial = try_tool(a_tool("sys.exit('no such process')"), PYTHON, "blocked")
    assert (trial.duration, trial.lost, trial.problem) == (None, None, "no such process")


def test_a_tool_that_never_ends_is_interrupted() -> None:
    trial = try_tool(a_tool("time.sleep(600)"), PYTHON, "idle", limit=0.5)
    assert (trial.duration, trial.lost) == (None, None)
    assert trial.problem == "KeyboardInterrupt"


def test_a_target_that_is_left_alone_works() -> None:
    assert leave_alone(PYTHON, "malloc", 0.1).lost is None
