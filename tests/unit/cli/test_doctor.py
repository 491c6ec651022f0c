"""`leakhunt doctor`: a checklist, with a remedy for everything that does not work."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.cli import doctor as module
from leakhunt.cli.main import main
from leakhunt.errors import TargetError
from leakhunt.targets.machine import Machine
from leakhunt.targets.native_build import find_tools
from unit.targets.test_machine import FINE, US
from watched_tree import watched_tree


def on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "read_machine", lambda: machine)
    return main(["doctor"])


def test_this_machine_gets_a_line_for_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    checks = [line for line in lines if not line.lstrip().startswith("hint: ")]
    assert {line[:4].strip() for line in checks} <= {"ok", "no", "?"}
    assert code == any(line.startswith("no") for line in checks)
    assert any(line.startswith("ok  memory ") for line in checks)


def test_where_all_works_the_exit_code_is_0_and_there_is_no_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on(FINE, monkeypatch) == 0
    assert "hint:" not in capsys.readouterr().out


def test_what_is_refused_has_a_remedy_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on(replace(FINE, us=replace(US, yama=1)), monkeypatch) == 1
    lines = capsys.readouterr().out.splitlines()
    refused = next(number for number, line in enumerate(lines) if line.startswith("no  tracing"))
    assert lines[refused + 1].strip().startswith("hint: Use sudo")


def test_what_is_only_missing_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on(replace(FINE, servers={}), monkeypatch) == 0
    assert "hint: python -m pip install gunicorn" in capsys.readouterr().out


def test_of_a_master_the_workers_are_looked_at_too(capsys: pytest.CaptureFixture[str]) -> None:
    with watched_tree() as server:
        worker = server.fork()
        time.sleep(0.7)
        code = main(["doctor", str(server.pid)])
    out = capsys.readouterr().out
    assert f"ok  process     PID {server.pid} (python) is alive." in out
    assert f"(PID {worker})" in out
    assert out.count("may be attached to.") == (code == 0)


def test_a_process_that_is_no_python_is_refused_and_so_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["sleep", "1000"]) as sleeping:
        code = main(["doctor", str(sleeping.pid)])
        sleeping.kill()
    assert code == 1
    assert f"PID {sleeping.pid} (sleep) is not a CPython process." in capsys.readouterr().out


def test_a_shell_is_refused_but_not_the_python_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} -c 'import time; time.sleep(1000)' & sleep 1000 & wait"
    with subprocess.Popen(["sh", "-c", command], start_new_session=True) as shell:
        time.sleep(1.5)
        main(["doctor", str(shell.pid)])
        os.killpg(shell.pid, signal.SIGKILL)
    out = capsys.readouterr().out
    assert "is not a CPython process." in out
    assert "Below it:" in out
    assert "1 that runs no Python that can be attached to." in out


def test_a_pid_that_does_not_exist_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert main(["doctor", str(gone.pid)]) == 3
    assert "does not exist (any more)." in capsys.readouterr().err


def test_the_sampler_is_compiled_into_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        find_tools(sys.executable)
    except TargetError as missing:
        pytest.skip(missing.message)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["doctor", "--build-sampler", sys.executable]) == 0
    (built,) = tmp_path.rglob("_sampler*.so")
    assert f"ok  sampler  Compiled for CPython {platform.python_version()}: {built}" in capsys.readouterr().out


def test_the_sampler_is_compiled_for_no_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--build-sampler", sys.executable, "1"]) == 2
    assert "compiles for a Python, not for a process" in capsys.readouterr().err


def test_without_a_compiler_the_sampler_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["doctor", "--build-sampler", sys.executable]) == 3
    assert "there is no C compiler here" in capsys.readouterr().err
