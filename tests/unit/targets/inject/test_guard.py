"""The code that runs a queued text lies there as long as it is needed, whoever is killed, and not longer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from leakhunt.targets.inject import helper
from leakhunt.targets.inject.memory import open_memory
from leakhunt.targets.inject.processors import here
from leakhunt.targets.inject.stop_window import Job
from live_target import LiveTarget, live_target
from unit.targets.inject.test_stop_window import interpreter_of, job_for

SLOW = "__import__('time').sleep(0.5)"
GIVES_A_JOB = """
import sys, time
from leakhunt.targets.inject.helper import Helper
from leakhunt.targets.inject.stop_window import Job
job = eval(sys.argv[1])
Helper(job)
print("queued", flush=True)
time.sleep(60)
"""


def has_code(target: LiveTarget, job: Job) -> bool:
    with open_memory(target.pid) as memory:
        return here.is_ours(memory.read(job.code_at, 8))


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_code_stays_while_the_text_runs_and_goes_afterwards(place: Path) -> None:
    with live_target(sys.executable, "busy", directory=place) as target:
        job = job_for(target, "queue", SLOW)
        used = helper.Helper(job)
        assert used.outcome.done == "queue"
        assert has_code(target, job)
        used.release()
        assert soon(lambda: not has_code(target, job))
        assert target.end()[2] == []


def test_a_text_that_nobody_waits_for_any_more_is_called_off(place: Path) -> None:
    with live_target(sys.executable, "lock", directory=place) as target:
        job = job_for(target, "queue", "problems.append('it was run')")
        assert helper.perform(job).done == "queue"
        assert has_code(target, job)
        assert helper.perform(job_for(target, "nudge")).done
        assert soon(lambda: not has_code(target, job))
        assert target.end()[2] == []


def test_a_controller_that_is_killed_leaves_no_code(place: Path) -> None:
    with live_target(sys.executable, "lock", directory=place) as target:
        job = job_for(target, "queue", "problems.append('it was run')")
        command = [sys.executable, "-c", GIVES_A_JOB, repr(job)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as controller:
            assert controller.stdout is not None
            assert controller.stdout.readline() == b"queued\n"
            controller.kill()
        assert has_code(target, job)
        assert interpreter_of(target.pid).code_at != job.code_at  # others take another place meanwhile
        assert helper.perform(job_for(target, "nudge")).done
        assert soon(lambda: not has_code(target, job))
        assert target.end()[2] == []


def test_a_helper_that_is_not_waited_for_does_not_begin(place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        process = helper.start()
        job = job_for(target, "run", "problems.append('it was run')")
        out, _ = process.communicate(json.dumps(asdict(job)).encode() + b"\n")
        assert json.loads(out)["problem"] == "nobody waits for it any more"
        assert target.end()[2] == []
