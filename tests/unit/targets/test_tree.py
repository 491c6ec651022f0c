from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from leakhunt.targets import supervisor, tree


def test_this_process_is_read_from_proc() -> None:
    process = tree.read_process(os.getpid())
    assert process is not None
    assert process.parent == os.getppid()
    assert process.key == f"{os.getpid()}@{process.started}"
    assert process.session == os.getsid(0)
    assert not process.ended
    assert tree.command_line(os.getpid())[0]
    assert tree.age(process) > 0


def test_descendants_come_after_their_parents(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        found = [process for process in tree.descendants(os.getpid()) if process.pid >= parent.pid]
        assert [process.parent for process in found] == [os.getpid(), parent.pid]
        parent.communicate(b"\n")


def test_a_zombie_tells_its_exit_status() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    zombie = tree.read_process(child.pid)
    assert zombie is not None
    assert zombie.ended
    assert zombie.exit_status == 7
    child.wait()
    assert tree.read_process(child.pid) is None
    assert tree.command_line(child.pid) == ()


def test_a_name_cut_off_within_a_character_is_read() -> None:
    rename = r"import ctypes; ctypes.CDLL(None).prctl(15, b'cafe caf\xc3', 0, 0, 0); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", rename], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = tree.read_process(child.pid)
        assert process is not None
        assert process.name.startswith("cafe caf")
        assert supervisor.farewell(child.pid) is signal.SIGTERM
        child.communicate(b"\n")
