"""The snapshot child comes and goes unnoticed, whoever its process belongs to."""

from __future__ import annotations

import sys
from pathlib import Path

from unit.agent.probes.inside import oldest_and_newest, run_inside

PROGRAM = """
import ctypes, mmap, os, time
from leakhunt.agent import headroom  # what the child needs is loaded before
from leakhunt.agent.clone import reaped, snapshot_child
{before}
seen = mmap.mmap(-1, 4096)
def work():
    with open("/proc/self/oom_score_adj", "rb") as file:
        seen.write(b"volunteer" if file.read() == b"1000\\n" else b"ordinary ")
pid, pause, problem = snapshot_child(work, 5.0)
try:
    os.waitpid(-1, os.WNOHANG)
    noticed = True
except ChildProcessError:
    noticed = False
while not reaped(pid):
    time.sleep(0.001)
print(json.dumps([seen[:9].decode().strip("\\0 "), pause > 0, problem, noticed]))
"""
CHANGED_USER = """
if os.getuid() == 0:
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: from now on its files in /proc are root's
"""


@oldest_and_newest
def test_the_child_runs_its_work_as_one_to_be_killed_first_and_no_wait_of_the_app_returns_it(python: Path) -> None:
    assert run_inside(python, PROGRAM.format(before="")) == ["volunteer", True, None, False]


def test_a_server_that_has_changed_its_user_has_a_child_that_is_killed_like_any_other() -> None:
    assert run_inside(Path(sys.executable), PROGRAM.format(before=CHANGED_USER)) == ["ordinary", True, None, False]
