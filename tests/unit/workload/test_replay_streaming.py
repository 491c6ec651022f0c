"""Large uploads, against a server in a process of its own that throws everything away."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys

import pytest

from benchmarks.replay import REPLAYER, measure, sink

PEAK = """
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


def peak_of_an_upload(size: int) -> int:
    with sink() as url:
        command = [sys.executable, "-c", REPLAYER + PEAK, url, str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_a_client_that_uploads_500_mb_stays_under_80_mb_and_no_larger_than_for_1_mb() -> None:
    large, small = peak_of_an_upload(500_000_000), peak_of_an_upload(1_000_000)
    assert large < 80_000_000
    assert large - small < 4_000_000


@pytest.mark.serial
@pytest.mark.slow
def test_an_upload_has_at_least_0_7_of_the_throughput_of_curl() -> None:
    if shutil.which("curl") is None:
        pytest.skip("There is no curl here to compare with.")
    results = measure(5, 500_000_000)
    pairs = zip(results["leakhunt"], results["curl"], strict=True)
    assert statistics.median(ours.throughput / curl.throughput for ours, curl in pairs) >= 0.7
