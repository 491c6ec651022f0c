from __future__ import annotations

import pytest

from leakhunt.targets.deaths import OOM, RECYCLED, UNKNOWN, death_by_status, deaths_in, is_crash

GUNICORN = """
[2026-01-01 10:00:00 +0000] [11] [INFO] Autorestarting worker after current request.
[2026-01-01 10:00:00 +0000] [11] [INFO] Worker exiting (pid: 11)
[2026-01-01 10:00:00 +0000] [10] [ERROR] Worker (pid:12) was sent SIGKILL! Perhaps out of memory?
[2026-01-01 10:00:00 +0000] [10] [ERROR] Worker (pid:13) exited with code 3.
[2026-01-01 10:00:00 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:14)
[2026-01-01 10:00:00 +0000] [10] [ERROR] Worker (pid:14) was sent SIGABRT!
"""
UWSGI = """
...The work of process 21 is done. Seeya!
DAMN ! worker 1 (pid: 22) died, killed by signal 9 :( trying respawn ...
"""


def test_gunicorns_log_tells_how_its_workers_ended() -> None:
    assert deaths_in(GUNICORN) == {
        11: "recycled",
        12: "killed by SIGKILL",
        13: "exit code 3",
        14: "killed by the server: its request took too long",
    }


def test_uwsgis_log_tells_how_its_workers_ended() -> None:
    assert deaths_in(UWSGI) == {21: "recycled", 22: "killed by SIGKILL"}


def test_an_exit_status_tells_it_too() -> None:
    assert death_by_status(0) == "exit code 0"
    assert death_by_status(-9) == "killed by SIGKILL"
    assert death_by_status(-40) == "killed by signal 40"


@pytest.mark.parametrize("death", ["exit code 5", "killed by SIGKILL", OOM])
def test_a_crash_is_told_from_an_end_that_was_meant(death: str) -> None:
    assert is_crash(death)
    assert not any(map(is_crash, (RECYCLED, UNKNOWN, "exit code 0")))
