"""One thread of a real process is stopped, changed and let go, and the process whose work that is may be killed."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from conftest import find_attachable
from leakhunt.targets.inject import helper
from leakhunt.targets.inject.interpreter import Interpreter, find_interpreter
from leakhunt.targets.inject.memory import open_memory, read_mappings
from leakhunt.targets.inject.stop_window import Job
from leakhunt.targets.tree import read_process
from live_target import LiveTarget, live_target

LONG_CALL = "__import__('time').sleep(0.6)"


def interpreter_of(pid: int) -> Interpreter:
    with open_memory(pid) as memory:
        found = find_interpreter(memory, read_mappings(pid))
    assert found is not None
    return found


def job_for(target: LiveTarget, kind: str, text: str = "") -> Job:
    at = interpreter_of(target.pid)
    process = read_process(target.pid)
    assert process is not None
    api = (at.ensure.address, at.run.address, at.release.address, at.add.address)
    return Job(target.pid, process.started, ((kind, 5.0),), text, at.code_at, api)


@contextmanager
def telling(place: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Python that tells us the name of the thread it runs in, and what it told."""
    path = place.parent / "told"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        ear.settimeout(10)
        thread = "__import__('threading').current_thread().name.encode()"
        text = f"__import__('socket').socket(1, 2).sendto({thread}, {str(path)!r})"
        yield text, lambda: ear.recv(100).decode()


def begin(job: Job) -> subprocess.Popen[bytes]:
    process = helper.start()
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    process.stdin.flush()
    return process


def kill_while_it_works(job: Job, delay: float) -> None:
    """Have a job begun, and kill the process that does it so long after it was given."""
    process = begin(job)
    time.sleep(delay)
    process.kill()
    process.communicate()


def traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("version", find_attachable())
@pytest.mark.parametrize("doing", ["accept", "sleep"])
def test_a_thread_that_waits_runs_a_text(version: str, doing: str, place: Path) -> None:
    with live_target(find_attachable()[version], doing, directory=place) as target, telling(place) as (text, told):
        outcome = helper.perform(job_for(target, "run", text))
        assert outcome.problem is None
        assert told() == "MainThread"
        assert outcome.stopped > 0
        _, _, problems = target.end()
        assert problems == []


@pytest.mark.parametrize("version", find_attachable())
def test_a_thread_that_computes_runs_a_text_when_it_can(version: str, place: Path) -> None:
    with live_target(find_attachable()[version], "busy", directory=place) as target, telling(place) as (text, told):
        used = helper.Helper(job_for(target, "queue", text))
        assert used.outcome.problem is None
        assert told() == "MainThread"
        used.release()
        assert target.end()[2] == []


def test_a_lock_is_woken_by_a_nudge(place: Path) -> None:
    with live_target(sys.executable, "lock", directory=place) as target, telling(place) as (text, told):
        used = helper.Helper(job_for(target, "queue", text))
        assert used.outcome.done
        assert helper.perform(job_for(target, "nudge")).done
        assert told() == "MainThread"
        used.release()
        assert target.end()[2] == []


def test_a_queued_text_that_fails_does_no_harm(place: Path) -> None:
    with live_target(sys.executable, "busy", directory=place) as target:
        for text in ("1/0", "not Python", "raise KeyboardInterrupt"):
            used = helper.Helper(job_for(target, "queue", text))
            assert used.outcome.done
            time.sleep(0.05)
            used.release()
        assert target.process.poll() is None


def test_what_the_code_has_replaced_is_put_back(place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        job = job_for(target, "run", "1")
        with open_memory(target.pid) as memory:
            before = memory.read(job.code_at, 256)
            assert helper.perform(job).done
            assert memory.read(job.code_at, 256) == before


def test_no_other_process_is_touched(place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        job = job_for(target, "run", "1")
        assert helper.perform(replace(job, started=job.started + 1)).problem == "it has ended"


def test_without_a_thread_that_waits_nothing_is_run(place: Path) -> None:
    with live_target(sys.executable, "busy", directory=place) as target:
        outcome = helper.perform(replace(job_for(target, "run", "1"), steps=(("run", 0.3),)))
        assert not outcome.done
        assert outcome.problem is not None
        assert "waits for input or output" in outcome.problem


@pytest.mark.parametrize("version", find_attachable())
@pytest.mark.parametrize("doing", ["accept", "sleep"])
def test_killed_during_the_call_it_leaves_the_thread_on_its_way_back(version: str, doing: str, place: Path) -> None:
    with live_target(find_attachable()[version], doing, directory=place) as target:
        process = begin(job_for(target, "run", LONG_CALL))
        deadline = time.monotonic() + 20
        while not traced(target.pid):
            assert time.monotonic() < deadline
        time.sleep(0.1)
        process.kill()
        process.communicate()
        time.sleep(1.0)
        assert not traced(target.pid)
        before, after, problems = target.end()
        assert problems == []
        assert after["mask"] == before["mask"]


@pytest.mark.parametrize(("doing", "kind"), [("accept", "run"), ("malloc", "queue")])
def test_killed_at_any_moment_it_does_no_harm(doing: str, kind: str, place: Path) -> None:
    chance = random.Random(3)
    with live_target(sys.executable, doing, directory=place) as target:
        began = time.monotonic()
        helper.perform(job_for(target, kind, "1"))
        usual = time.monotonic() - began
        for _ in range(25):
            kill_while_it_works(job_for(target, kind, "1"), chance.uniform(usual * 0.5, usual * 1.1))
        time.sleep(0.2)
        assert target.process.poll() is None
        before, after, problems = target.end()
        assert problems == []
        assert after["mask"] == before["mask"]


SHORT_THREADS = """
import threading, time
print(flush=True)
while True:
    threads = [threading.Thread(target=time.sleep, args=(0.0004,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_end_just_then_are_not_the_end_of_their_process() -> None:
    with subprocess.Popen([sys.executable, "-c", SHORT_THREADS], stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        target.stdout.readline()
        at, process = interpreter_of(target.pid), read_process(target.pid)
        assert process is not None
        api = (at.ensure.address, at.run.address, at.release.address, at.add.address)
        job = Job(target.pid, process.started, (("run", 0.3),), "1", at.code_at, api)
        problems = {helper.perform(job).problem for _ in range(10)}
        assert target.poll() is None
        target.kill()
    assert "it has ended" not in problems


def test_a_process_that_has_ended_is_said_to_have() -> None:
    assert helper.perform(Job(os.getpid() + 4_000_000, 1, (("run", 1.0),))).problem is not None
