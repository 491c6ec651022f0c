"""What an attached target refuses, and that it leaves, on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.model.run import Role
from leakhunt.targets.attached import AttachedTarget, AttachSpec

SERVER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    server.accept()[0].close()
"""
SLEEPER = "import time; print(0, flush=True); time.sleep(600)"


@contextmanager
def started(program: str, *wrapper: str) -> Iterator[tuple[int, int]]:
    """Pid and port of a program of Python."""
    process = subprocess.Popen([*wrapper, sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.fixture(autouse=True)
def _leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.iterdir())


def test_the_address_is_found_from_the_sockets_and_said() -> None:
    with started(SERVER) as (pid, port):
        target = AttachedTarget(AttachSpec(pid), clock=time.monotonic)
        assert target.address.base_url == f"http://127.0.0.1:{port}"
        assert target.announcement.endswith(f"Requests go to http://127.0.0.1:{port}.")
        target.stop()


def test_where_nothing_is_sent_nobody_has_to_know_where_it_answers() -> None:
    with started(SERVER) as (pid, _):
        target = AttachedTarget(AttachSpec(pid, loaded=False), clock=time.monotonic)
        assert target.announcement.endswith("Nothing is sent to it.")
        assert "address" not in target.conditions()
        with pytest.raises(TargetError, match="it is not known where"):
            _ = target.address
        target.stop()


def test_a_visit_begins_with_an_agent_and_ends_without() -> None:
    with started(SERVER) as (pid, _):
        target = AttachedTarget(AttachSpec(pid), clock=time.monotonic)
        target.start()
        try:
            assert [(worker.pid, worker.role) for worker in target.workers()] == [(pid, Role.WORKER)]
            assert [link.hello.pid for link in target.links().values()] == [pid]
            assert threads(pid) == 2
            assert not list(target.launch_dir.iterdir())
            assert [caveat.code for caveat in target.caveats()] == ["no-agent"]
            assert target.conditions()["attached to"] == f"PID {pid}"
            assert target.dead() is None
        finally:
            target.stop()
        assert threads(pid) == 1
        target.stop()
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert target.dead() == f"PID {pid} has ended"


def test_a_process_that_listens_nowhere_needs_an_address() -> None:
    with started(SLEEPER) as (pid, _):
        with pytest.raises(TargetError, match=rf"PID {pid} listens on no socket") as raised:
            AttachedTarget(AttachSpec(pid), clock=time.monotonic)
        assert raised.value.hint is not None
        assert "--url" in raised.value.hint
        assert "--duration" in raised.value.hint


def test_an_address_where_nothing_answers_is_refused_before_the_app_is_touched() -> None:
    with started(SLEEPER) as (pid, _):
        target = AttachedTarget(AttachSpec(pid, url="http://127.0.0.1:1"), clock=time.monotonic)
        with pytest.raises(TargetError, match=r"nothing answers on http://127\.0\.0\.1:1"):
            target.start()
        assert threads(pid) == 1


def test_ports_of_another_network_are_not_taken_for_those_of_this_machine() -> None:
    with started(SERVER, "unshare", "--net") as (pid, _):
        with pytest.raises(TargetError, match=rf"PID {pid} has a network of its own"):
            AttachedTarget(AttachSpec(pid), clock=time.monotonic)
        assert threads(pid) == 1
