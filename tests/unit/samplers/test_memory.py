from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from leakhunt.samplers.memory import ProcessGone, read_memory, read_rss

_HOLD = "import sys; held = bytearray(int(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
_MEGABYTE = 2**20


def _hold(size: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_anonymous_memory_rises_by_what_a_process_holds() -> None:
    with _hold(1) as small, _hold(50 * _MEGABYTE) as large:
        difference = (read_memory(large.pid).anonymous or 0) - (read_memory(small.pid).anonymous or 0)
        assert abs(difference - 50 * _MEGABYTE) < _MEGABYTE
        assert read_rss(large.pid) > 50 * _MEGABYTE
        for process in (small, large):
            assert process.stdin is not None
            process.stdin.close()


def test_figures_agree_with_psutil() -> None:
    mine, theirs = read_memory(os.getpid()), psutil.Process().memory_full_info()
    assert mine.rss == pytest.approx(theirs.rss, rel=0.05)
    assert mine.uss == pytest.approx(theirs.uss, rel=0.05)
    assert mine.pss == pytest.approx(theirs.pss, rel=0.05)
    assert mine.swap == theirs.swap


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ProcessGone):
        read_memory(process.pid)
    with pytest.raises(ProcessGone):
        read_rss(process.pid)


def test_a_zombie_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        with pytest.raises(ProcessGone):
            read_memory(process.pid)
    finally:
        process.wait()
