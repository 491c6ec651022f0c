"""One tool is let loose on one target."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from side_by_side.targets import free_port, start_target
from side_by_side.tools import Errand, Gdb, Tool, search_path

LIMIT: Final = 20.0
"""Seconds that a tool has from its start until its code has run in the target."""
_LEAVE: Final = 10.0
"""Seconds that it has after that to end by itself, and that its code has to run after it has ended."""
_SETTLED: Final = 0.3
"""Seconds for which a target is left alone before and after."""
_POLL: Final = 0.002


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it."""

    duration: float | None
    """Seconds from the start of the tool until its code had run in the target; None if it did not."""
    pause: float
    """Seconds of the longest pause of the target meanwhile."""
    lost: str | None
    """What has become of the target; None if it does its work."""
    failures: int
    """Requests of clients that failed."""
    problem: str
    """The last line that the tool wrote, if it did not succeed."""


def try_tool(tool: Tool, python: Path, state: str, gdb: Gdb | None = None, *, limit: float = LIMIT) -> Trial:
    """Start a target, attach to it once, look what has become of it, and end everything."""
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory:
        place = Path(directory)
        with start_target(python, state, place) as target:
            time.sleep(_SETTLED)
            errand = Errand(target.pid, python, place, free_port(), limit)
            before = target.failures()
            target.watch()
            began = time.monotonic()
            with _running(tool, errand, gdb) as process:
                duration = _wait_for_proof(tool, errand, process, began)
                _end(process, _LEAVE if duration is not None else max(0.0, began + limit - time.monotonic()))
                time.sleep(_SETTLED)
                # What the tool has started in the background lives on until the target has been looked at.
                pause, lost = target.pause(), target.lost()
            problem = "" if duration is not None else _last_line(place / "tool.log").replace(str(target.pid), "PID")
            return Trial(duration, pause, lost, target.failures() - before, problem)


def leave_alone(python: Path, state: str, duration: float) -> Trial:
    """The same, with nothing done to the target for so long: what its pauses are by themselves."""
    with (
        tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory,
        start_target(python, state, Path(directory)) as target,
    ):
        time.sleep(_SETTLED)
        target.watch()
        time.sleep(duration + _SETTLED)
        return Trial(duration, target.pause(), target.lost(), target.failures(), "")


def _wait_for_proof(tool: Tool, errand: Errand, process: subprocess.Popen[bytes], began: float) -> float | None:
    deadline = began + errand.limit
    ended = False
    while time.monotonic() < deadline:
        if tool.proof(errand):
            return time.monotonic() - began
        if not ended and process.poll() is not None:
            ended = True
            deadline = min(deadline, time.monotonic() + (1.0 if process.returncode else _LEAVE))
        time.sleep(_POLL)
    return None


@contextmanager
def _running(tool: Tool, errand: Errand, gdb: Gdb | None) -> Iterator[subprocess.Popen[bytes]]:
    """A tool at work; at the end it is ended, with all that it has started."""
    with (errand.place / "tool.log").open("wb") as log:
        process = subprocess.Popen(
            tool.command(errand),
            cwd=errand.place,
            env=search_path(gdb),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _kill(process.pid, *_offspring(process.pid), *_offspring(errand.pid), *_naming(errand.port))
        process.wait()


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Let a tool end; one that takes too long is interrupted as by Ctrl-C, and killed if that does not help."""
    for limit in (patience, _LEAVE):
        with suppress(subprocess.TimeoutExpired):
            process.wait(limit)
            return
        os.killpg(process.pid, signal.SIGINT)
    _kill(process.pid, *_offspring(process.pid))


def _kill(*pids: int) -> None:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


def _offspring(pid: int) -> list[int]:
    with suppress(psutil.NoSuchProcess):
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    return []


def _naming(port: int) -> list[int]:
    """Processes that were told of a port which nobody but one tool knows: they may have no parent any more."""
    return [each.pid for each in psutil.process_iter(["cmdline"]) if str(port) in (each.info["cmdline"] or ())]


def _last_line(log: Path) -> str:
    lines = [each.strip() for each in log.read_text(errors="replace").splitlines()]
    return next((each for each in reversed(lines) if each), "it said nothing")
