"""Facts of real processes where this machine has them, and of recorded `/proc` trees where it does not."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import find_attachable
from leakhunt.targets.inject.facts import read_facts
from leakhunt.targets.inject.preflight import Answer, preflight, refusal

WAIT = "import time; print(flush=True); time.sleep(60)"


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment})
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("version", find_attachable())
def test_the_version_is_read_from_what_is_mapped(version: str) -> None:
    with running(str(find_attachable()[version]), "-c", WAIT) as process:
        facts = read_facts(process.pid)
    assert facts.python == tuple(map(int, version.split(".")))
    assert facts.implementation == "cpython"
    assert (facts.bits, facts.machine) == (64, "x86-64")
    assert facts.memory
    assert facts.started
    assert not facts.debugging_disabled


SHARED = {
    version: library
    for version, python in find_attachable().items()
    if (library := python.parents[1] / f"lib/libpython{version}.so.1.0").exists()
}


@pytest.mark.parametrize("version", SHARED)
def test_a_program_that_has_loaded_python_and_not_started_it_is_refused(version: str) -> None:
    with running("sh", "-c", "echo; exec sleep 60", LD_PRELOAD=str(SHARED[version])) as process:
        deadline = time.monotonic() + 10
        # It has its name before its libraries are loaded.
        while (facts := read_facts(process.pid)).name != "sleep" or facts.python is None:
            assert time.monotonic() < deadline
        assert facts.started is False
        refused = refusal(preflight(process.pid))
    assert refused is not None
    assert refused.sentence == f"PID {process.pid} (sleep) has loaded Python, but has not started it."


def test_another_program_is_no_python() -> None:
    with running("sh", "-c", "echo; exec sleep 60") as process:
        deadline = time.monotonic() + 10
        while read_facts(process.pid).name != "sleep":
            assert time.monotonic() < deadline
        refused = refusal(preflight(process.pid))
    assert refused is not None
    assert refused.sentence == f"PID {process.pid} (sleep) is not a CPython process."


def test_a_stopped_process_is_seen_as_stopped() -> None:
    with running(sys.executable, "-c", WAIT) as process:
        process.send_signal(19)
        deadline = time.monotonic() + 10
        while read_facts(process.pid).state != "T":
            assert time.monotonic() < deadline
        refused = refusal(preflight(process.pid))
    assert refused is not None
    assert "is stopped" in refused.sentence


def test_a_zombie_is_seen_as_one() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    refused = refusal(preflight(process.pid))
    process.wait()
    assert refused is not None
    assert refused.sentence == f"PID {process.pid} has exited (zombie); its parent is {os.getpid()}."


def test_a_process_that_is_being_traced_is_left_to_its_tracer() -> None:
    with running(sys.executable, "-c", WAIT) as process:
        tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(process.pid)])
        try:
            deadline = time.monotonic() + 10
            while not read_facts(process.pid).tracer:
                assert time.monotonic() < deadline
            refused = refusal(preflight(process.pid))
        finally:
            tracer.terminate()
            tracer.wait()
    assert refused is not None
    assert refused.sentence == f"PID {process.pid} is already being traced by PID {tracer.pid} (strace)."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused() -> None:
    with running(sys.executable, "-c", WAIT) as process:
        question = f"from leakhunt.targets.inject.preflight import *; print(refusal(preflight({process.pid})).sentence)"
        command = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        answer = subprocess.run(
            [*command, "/usr/bin/env", "python3", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {question}"],
            capture_output=True,
            text=True,
            check=False,
        )
    if "Permission denied" in answer.stderr or "No such file" in answer.stderr:
        pytest.skip(f"that user can run no Python here: {answer.stderr.splitlines()[-1]}")
    assert answer.stdout.strip() == f"PID {process.pid} belongs to user root.", answer.stderr


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ((), {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}),
        (("-X", "disable-remote-debug"), {}),
        (("-Xdisable-remote-debug",), {}),
        (("-u", "-X", "disable_remote_debug"), {}),
    ],
)
def test_who_disables_remote_debugging_is_heard(options: tuple[str, ...], environment: dict[str, str]) -> None:
    with running(sys.executable, *options, "-c", WAIT, **environment) as process:
        assert read_facts(process.pid).debugging_disabled


def test_an_empty_variable_disables_nothing() -> None:
    with running(sys.executable, "-c", WAIT, PYTHON_DISABLE_REMOTE_DEBUG="") as process:
        assert not read_facts(process.pid).debugging_disabled


# --- Recorded trees: this machine has neither Yama nor PyPy nor a 32-bit Python. -------------------------------------


def recorded(tmp_path: Path, *, yama: int | None = None, bits: int = 64, maps: str = "", capabilities: int = 0) -> Path:
    proc = tmp_path / "proc"
    for name, uid in (("123", 1000), ("self", 1000)):
        (proc / name).mkdir(parents=True)
        (proc / name / "status").write_text(
            f"Name:\tgunicorn\nState:\tS (sleeping)\nPPid:\t1\nTracerPid:\t0\n"
            f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nCapEff:\t{capabilities:016x}\n"
        )
    (proc / "123" / "maps").write_text(maps)
    (proc / "123" / "exe").write_bytes(b"\x7fELF" + bytes([bits // 32]) + b"\0" * 13 + struct.pack("<H", 62))
    if yama is not None:
        (proc / "sys/kernel/yama").mkdir(parents=True)
        (proc / "sys/kernel/yama/ptrace_scope").write_text(f"{yama}\n")
    return proc


@pytest.mark.parametrize("scope", [0, 1, 2, 3])
def test_yama_is_read_where_the_kernel_has_it(tmp_path: Path, scope: int) -> None:
    assert read_facts(123, recorded(tmp_path, yama=scope)).yama == scope


def test_without_yama_there_is_no_scope(tmp_path: Path) -> None:
    assert read_facts(123, recorded(tmp_path)).yama is None


def test_pypy_and_old_programs_are_told_apart(tmp_path: Path) -> None:
    line = "7f0000000000-7f0000021000 r-xp 00000000 fe:00 7 /opt/pypy3.10/bin/libpypy3.10-c.so\n"
    facts = read_facts(123, recorded(tmp_path, maps=line, bits=32))
    assert facts.implementation == "pypy"
    assert facts.bits == 32


@pytest.mark.parametrize(
    ("path", "version", "free_threaded"),
    [
        ("/usr/bin/python3.8", (3, 8), False),
        ("/usr/lib/libpython3.12.so.1.0", (3, 12), False),
        ("/srv/venv/lib/python3.9/site-packages/x.cpython-39-x86_64-linux-gnu.so", (3, 9), False),
        ("/usr/local/lib/libpython3.13t.so.1.0", (3, 13), True),
        ("/opt/lib/python3.7/lib-dynload/_json.cpython-37m-x86_64-linux-gnu.so", (3, 7), False),
    ],
)
def test_versions_are_found_in_names(tmp_path: Path, path: str, version: tuple[int, int], free_threaded: bool) -> None:
    line = f"7f0000000000-7f0000021000 r-xp 00000000 fe:00 7 {path}\n"
    facts = read_facts(123, recorded(tmp_path, maps=line))
    assert facts.python == version
    assert facts.free_threaded is free_threaded


def test_the_capability_to_trace_is_read_of_ourselves(tmp_path: Path) -> None:
    assert read_facts(123, recorded(tmp_path, capabilities=1 << 19)).our_ptrace
    assert not read_facts(123, recorded(tmp_path / "b", capabilities=1 << 18)).our_ptrace


def test_the_checks_of_this_very_process_answer_all() -> None:
    assert Answer.UNKNOWN not in {finding.answer for finding in preflight(os.getpid())}
