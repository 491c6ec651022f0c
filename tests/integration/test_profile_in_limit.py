"""`leakhunt profile --pid` under the memory limit of the app itself, as in the app's own container."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from integration.command_line import LEAKHUNT, command_line
from integration.visited import MOST_MEMORY, TWO_WORKERS, peak, visitors
from live_server import live_server

SITE: Final = """
import os
from flask import Flask
app = Flask(__name__)
OWN = [{"number": number, "text": str(number) * 3} for number in range(150_000)]
KEPT = []

@app.get("/leak")
def leak():
    KEPT.append(os.urandom(20000))
    return "kept"

@app.get("/items/<int:number>")
def item(number):
    return str(number)
"""
LIMIT: Final = 250 << 20
"""Bytes: room for two workers and leakhunt, and none for a copy of a worker."""
ENTERS: Final = 'echo $$ > "$0/cgroup.procs"; exec "$@"'


@contextlib.contextmanager
def limited_group() -> Iterator[Path]:
    """A memory cgroup of its own, whichever version the machine has."""
    for home, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(home) / f"leakhunt-tests-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(LIMIT))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        try:
            yield group
        finally:
            deadline = time.monotonic() + 10
            while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            group.rmdir()
        return
    pytest.skip("This user can make no memory cgroup here.")


@pytest.mark.slow
def test_it_says_so_stays_small_and_copies_nothing_that_there_is_no_room_for(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with limited_group() as group:
        inside = ("sh", "-c", ENTERS, str(group))
        with (
            live_server((*inside, *TWO_WORKERS), SITE, tmp_path / "site") as (port, master),
            visitors(port, "/leak", "/items/{n}"),
        ):
            words = ("profile", "--pid", str(master), "--duration", "20", "--record-only")
            with subprocess.Popen(
                [*inside, LEAKHUNT, *words, "--output", str(tmp_path / "run")], stderr=subprocess.PIPE, text=True
            ) as leakhunt:
                highest = 0
                while leakhunt.poll() is None:
                    with contextlib.suppress(OSError, StopIteration):
                        highest = max(highest, peak(leakhunt.pid))
                    time.sleep(0.1)
                assert leakhunt.stderr is not None
                said = " ".join(leakhunt.stderr.read().split())
    assert leakhunt.returncode == 0, said
    assert f"leakhunt runs under the same memory limit as PID {master}" in said
    assert "250 MiB" in said
    assert 0 < highest < MOST_MEMORY
    with command_line(tmp_path) as elsewhere:
        shown = elsewhere("report", str(tmp_path / "run"))
    assert "SUSPECTED  GET /leak" in shown.out or "SUSPECTED  Memory rose" in shown.out
    assert "a snapshot needs" in shown.out
