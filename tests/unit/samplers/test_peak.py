from __future__ import annotations

import subprocess
import sys

import pytest

from leakhunt.samplers.memory import ProcessGone, read_rss
from leakhunt.samplers.peak import read_peak, reset_peak

_ON_REQUEST = "import sys\nfor size in sys.stdin:\n    bytearray(int(size))\n    print('done', flush=True)"
_MEGABYTE = 2**20


def _ask(process: subprocess.Popen[str], size: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{size}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_the_peak_after_a_reset_is_that_of_the_next_request_only() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _ON_REQUEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        _ask(process, 80 * _MEGABYTE)
        reset_peak(process.pid)
        before = read_rss(process.pid)
        _ask(process, 30 * _MEGABYTE)
        rise = read_peak(process.pid) - before
        assert abs(rise - 30 * _MEGABYTE) < _MEGABYTE
        process.communicate("")


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ProcessGone):
        reset_peak(process.pid)
    with pytest.raises(ProcessGone):
        read_peak(process.pid)
