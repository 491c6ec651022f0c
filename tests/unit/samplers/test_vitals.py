from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.vitals import read_vitals


def test_all_of_this_process_is_read_at_once() -> None:
    with open(os.devnull) as one, open(os.devnull) as two:  # noqa: PTH123
        before = read_vitals(os.getpid())
        assert before.descriptors is not None
        assert before.descriptors > max(one.fileno(), two.fileno()) - 3
    assert read_vitals(os.getpid()).descriptors == before.descriptors - 2
    assert before.memory.rss > 5 * 2**20
    assert before.memory.uss is not None
    assert before.memory.pss is not None
    assert before.memory.uss <= before.memory.pss <= before.memory.rss
    assert before.cpu > 0
    assert before.threads == threading.active_count() or before.threads > 0
    assert before.oom_score is not None
    assert 0 <= before.oom_score <= 2000


def test_a_process_that_has_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessGone):
        read_vitals(child.pid)
