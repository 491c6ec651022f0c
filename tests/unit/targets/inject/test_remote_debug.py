"""The interface of Python 3.14 and later for running a script, in real processes of those versions."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NEWER_PYTHONS, find_attachable
from leakhunt.errors import AgentError
from leakhunt.targets.inject.interpreter import find_interpreter
from leakhunt.targets.inject.memory import Memory, open_memory, read_mappings
from leakhunt.targets.inject.remote_debug import RemoteDebugging, Unknown, remote_exec, script_for
from live_target import LiveTarget, live_target

NEWER = [version for version in find_attachable() if version in NEWER_PYTHONS]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


def runtime_of(pid: int, memory: Memory) -> int:
    interpreter = find_interpreter(memory, read_mappings(pid))
    assert interpreter is not None
    assert interpreter.runtime is not None
    return interpreter.runtime.address


def appears(path: Path, patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("version", NEWER)
def test_the_threads_are_those_that_the_kernel_knows(version: str, place: Path) -> None:
    with (
        live_target(find_attachable()[version], "threads", directory=place) as target,
        open_memory(target.pid) as memory,
    ):
        debugging = RemoteDebugging(memory, runtime_of(target.pid, memory))
        ids = {thread.native_id for thread in debugging.threads()}
    assert debugging.version == tuple(map(int, version.split(".")))
    assert debugging.main.native_id == target.pid
    assert debugging.enabled
    assert len(ids) == 22


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("version", NEWER)
def test_a_main_thread_that_runs_python_runs_the_script(version: str, place: Path, told: Path) -> None:
    with live_target(find_attachable()[version], "busy", directory=place) as target, open_memory(target.pid) as memory:
        debugging = RemoteDebugging(memory, runtime_of(target.pid, memory))
        with script_for(target.pid, f"open({str(told)!r}, 'w').close()") as script:
            assert script is not None
            debugging.ask(debugging.main, script, running=True)
            assert appears(told)
            assert not Path(script).exists()
        assert not debugging.pending(debugging.main)
        assert_unharmed(target)


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("version", NEWER)
def test_what_is_cancelled_is_not_run(version: str, place: Path, told: Path) -> None:
    with live_target(find_attachable()[version], "sleep", directory=place) as target, open_memory(target.pid) as memory:
        debugging = RemoteDebugging(memory, runtime_of(target.pid, memory))
        with script_for(target.pid, f"open({str(told)!r}, 'w').close()") as script:
            assert script is not None
            debugging.ask(debugging.main, script, running=False)
            assert debugging.pending(debugging.main)
            debugging.cancel(debugging.main)
        time.sleep(2.0)  # it has slept out and begun anew by then
        assert not told.exists()
        assert_unharmed(target)


def assert_unharmed(target: LiveTarget) -> None:
    _, _, problems = target.end()
    assert problems == []


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("version", NEWER)
def test_who_has_disabled_it_is_known_by_that(version: str, place: Path) -> None:
    python = find_attachable()[version]
    disabled = live_target(python, "accept", directory=place, PYTHON_DISABLE_REMOTE_DEBUG="1")
    with disabled as target, open_memory(target.pid) as memory:
        assert not RemoteDebugging(memory, runtime_of(target.pid, memory)).enabled


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("version", NEWER)
def test_without_its_tables_the_targets_own_program_is_asked(version: str, place: Path, told: Path) -> None:
    with live_target(find_attachable()[version], "busy", directory=place) as target:
        with script_for(target.pid, f"open({str(told)!r}, 'w').close()") as script:
            assert script is not None
            remote_exec(target.pid, script)
            assert appears(told)
        assert_unharmed(target)


def test_a_program_that_cannot_be_asked_says_why() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        with pytest.raises(AgentError, match="runs no Python that could be asked"):
            remote_exec(process.pid, "/nowhere")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def memory() -> Iterator[Memory]:
    with open_memory(os.getpid()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"no cookie", "no table of offsets"),
        (struct.pack("<8sQQ", b"xdebugpy", 0x03_10_00_F0, 0), "the table of Python 3.16 is not known"),
        (struct.pack("<8sQQ", b"xdebugpy", 0x03_0E_00_F0, 1), "the table of Python 3.14 is not known"),
    ],
)
def test_tables_that_nobody_has_looked_at_are_not_used(memory: Memory, head: bytes, problem: str) -> None:
    buffer = ctypes.create_string_buffer(head, 2000)
    with pytest.raises(Unknown, match=problem):
        RemoteDebugging(memory, ctypes.addressof(buffer))


def test_a_table_of_zeros_leads_nowhere(memory: Memory) -> None:
    buffer = ctypes.create_string_buffer(struct.pack("<8sQQ", b"xdebugpy", 0x03_0E_00_F0, 0), 2000)
    with pytest.raises((Unknown, OSError)):
        RemoteDebugging(memory, ctypes.addressof(buffer))


def test_a_script_is_there_for_its_owner_only_and_goes() -> None:
    with script_for(os.getpid(), "pass") as script:
        assert script is not None
        assert Path(script).stat().st_mode & 0o777 == 0o600
    assert not Path(script).exists()


def test_a_script_takes_itself_away_before_it_does_anything() -> None:
    with script_for(os.getpid(), "import os; print(os.path.exists(__file__))") as script:
        assert script is not None
        answer = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
