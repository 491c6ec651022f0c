from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.agent import headroom

MB = 1 << 20


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A worker of 1 GiB with 4 million blocks on a machine with 1600 MiB to spare."""
    monkeypatch.setattr(headroom, "available_bytes", lambda: 1600 * MB)
    monkeypatch.setattr(headroom, "resident_bytes", lambda: 1024 * MB)
    return monkeypatch


def test_a_child_may_use_most_of_what_is_available(machine: pytest.MonkeyPatch) -> None:
    assert headroom.allowance(4_000_000, walks=True, at_once=1) == (1280 * MB, None)


def test_several_at_once_share_what_is_available(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(headroom, "available_bytes", lambda: 900 * MB)
    allowed, refusal = headroom.allowance(6 * MB, walks=True, at_once=2)
    assert (allowed, refusal) == (
        0,
        "a snapshot needs 750 MiB of free memory and 450 MiB are available for each of 2 at once",
    )


def test_big_buffers_stay_shared_and_need_no_room(machine: pytest.MonkeyPatch) -> None:
    assert headroom.allowance(1_000_000, walks=True, at_once=2) == (640 * MB, None)


def test_a_child_that_reads_figures_alone_needs_little(machine: pytest.MonkeyPatch) -> None:
    assert headroom.allowance(40_000_000, walks=False, at_once=4) == (320 * MB, None)


def test_the_refusal_says_what_is_missing(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(headroom, "available_bytes", lambda: 900 * MB)
    allowed, refusal = headroom.allowance(40_000_000, walks=True, at_once=1)
    assert (allowed, refusal) == (0, "a snapshot needs 1280 MiB of free memory and 900 MiB are available")


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel has no smaps_rollup")
def test_private_memory_grows_with_what_is_taken() -> None:
    # In a process of its own: this one may give back a page of its own in between.
    program = (
        "from leakhunt.agent.headroom import private_bytes\n"
        f"before = private_bytes()\nkept = bytearray(b'x') * {50 * MB}\nprint(private_bytes() - before)"
    )
    grown = int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
    assert 50 * MB <= grown < 55 * MB
