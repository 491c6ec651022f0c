from __future__ import annotations

from pathlib import Path

from unit.agent.probes.inside import oldest_and_newest, run_inside

PROGRAM = """
from leakhunt.agent.probes.deadline import Deadline, OutOfTime

def endless():
    while True:
        try:
            len(())
        except Exception:
            pass

def ended():
    try:
        with Deadline(0.05):
            endless()
    except OutOfTime:
        return True

with Deadline(60):
    short = len("in time")
print(json.dumps({"ended": ended(), "short": short, "left": sys.getprofile() is not None}))
"""


@oldest_and_newest
def test_code_that_goes_on_for_ever_is_ended_though_it_catches_every_exception(python: Path) -> None:
    assert run_inside(python, PROGRAM) == {"ended": True, "short": 7, "left": False}
