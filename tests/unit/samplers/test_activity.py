from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leakhunt.samplers.activity import cpu_of, read_activity
from leakhunt.samplers.memory import ProcessGone


def test_a_new_thread_and_a_new_descriptor_are_counted() -> None:
    before = read_activity(os.getpid())
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    with Path(os.devnull).open("rb"):
        after = read_activity(os.getpid())
    release.set()
    thread.join()
    assert after.threads == before.threads + 1
    assert before.descriptors is not None
    assert after.descriptors == before.descriptors + 1


def test_processor_time_of_a_busy_process_rises() -> None:
    code = (
        "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\nprint(flush=1); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_of([process.pid]) >= 0.09
        assert read_activity(process.pid).cpu >= 0.09
        process.communicate(b"\n")


def test_a_process_that_ended_counts_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu_of([process.pid]) == 0.0
    with pytest.raises(ProcessGone):
        read_activity(process.pid)
