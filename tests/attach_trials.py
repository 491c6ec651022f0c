"""Attaching to one process time after time, with the controller killed or left to finish; nothing may be lost."""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from busy_worker import BusyWorker
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach

ROOT: Final = Path(__file__).parent.parent
CONTROLLER: Final = """
import sys
from pathlib import Path
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
with AgentHub(Path(sys.argv[2])) as hub:
    print("begin", flush=True)
    link = attach(int(sys.argv[1]), hub, timeout=30).link
    print("attached", flush=True)
    link.hook()
    while True:
        link.stats()
        link.heap()
        link.snapshot(0, types=True, sites=False, paths=False)
"""
"""A leakhunt that has begun when it says so, and goes on until it is killed."""
LIFE: Final = 1.6
"""Seconds after which it is killed at the latest: by then it has attached, and looks at the heap."""


@dataclass(frozen=True)
class Visit:
    """One attach and detach."""

    stopped: float
    duration: float
    wrong: list[str]


def visit(worker: BusyWorker, hub: AgentHub, before: dict[str, object]) -> Visit:
    """Attach, count requests for a moment, leave; `wrong` is what did not work and what is other than `before`."""
    attached = attach(worker.pid, hub, timeout=30)
    attached.link.hook()
    wrong = [f"left behind: {name}" for name in attached.link.detach()]
    wrong += [f"{name} is other than before: {values}" for name, values in worker.difference(before).items()]
    return Visit(attached.stopped, attached.duration, wrong + worker.losses())


def kill_controller(worker: BusyWorker, place: Path, hub: AgentHub, chance: random.Random) -> tuple[str, Visit]:
    """Have a controller attach, and kill it at a random moment; the moment, and the visit that comes after it."""
    before = worker.state()
    with other_controller(worker.pid, place) as other:
        time.sleep(chance.uniform(0, LIFE))
        moment = _doing(other)
        other.kill()
    return moment, _afterwards(worker, hub, before)


def kill_helper(worker: BusyWorker, place: Path, hub: AgentHub, chance: random.Random) -> tuple[str, Visit]:
    """Kill a controller, and its helper while that has a thread stopped: the moment that is to be avoided."""
    before = worker.state()
    with other_controller(worker.pid, place) as other:
        helper = _tracer_of(worker.pid, other)
        if helper is not None:
            time.sleep(chance.uniform(0, 0.003))
            with contextlib.suppress(ProcessLookupError):
                os.kill(helper, signal.SIGKILL)
        other.kill()
    moment = "in the stop window" if helper is not None else "after a stop window that was too short to be seen"
    return moment, _afterwards(worker, hub, before)


def _afterwards(worker: BusyWorker, hub: AgentHub, before: dict[str, object]) -> Visit:
    """What the killed one has left, and whether another can attach."""
    wrong = [f"{name} is other than before: {values}" for name, values in worker.difference(before).items()]
    later = visit(worker, hub, before)
    return Visit(later.stopped, later.duration, wrong + later.wrong)


@contextlib.contextmanager
def other_controller(pid: int, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another leakhunt, which has begun; it is killed at the end in any case."""
    command = [sys.executable, "-c", CONTROLLER, str(pid), str(place / f"c{time.monotonic_ns()}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begin\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _doing(controller: subprocess.Popen[bytes]) -> str:
    """What a controller is at."""
    children = Path(f"/proc/{controller.pid}/task/{controller.pid}/children").read_text().split()
    if any("stopper" in _command(int(each)) for each in children):
        return "while its helper was at work"
    return "attached" if _has_attached(controller) else "before or after its helper"


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _tracer_of(pid: int, controller: subprocess.Popen[bytes]) -> int | None:
    """Whoever traces a thread of a process, as soon as somebody does; None if the controller has attached before."""
    while controller.poll() is None and not _has_attached(controller):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                tracer = re.search(r"^TracerPid:\t(\d+)", (thread / "status").read_text(), re.MULTILINE)
                if tracer is not None and tracer[1] != "0":
                    return int(tracer[1])
    return None


def _has_attached(controller: subprocess.Popen[bytes]) -> bool:
    assert controller.stdout is not None
    return bool(select.select([controller.stdout], [], [], 0)[0])
