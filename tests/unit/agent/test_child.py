"""The limits of a snapshot child, in a process of its own that has the limits of one."""

from __future__ import annotations

import sys
from pathlib import Path

from unit.agent.probes.inside import oldest_and_newest, run_inside


@oldest_and_newest
def test_a_walk_that_needs_too_much_memory_is_given_up_with_a_sentence(python: Path) -> None:
    program = """
from leakhunt.agent.child import Scene, _probe
here = Scene(0, gc.get_objects(), 1 << 20)
result = {}
_probe(result, "paths", "leakhunt.agent.probes.paths", (True, here))
print(json.dumps([result, problems]))
"""
    result, problems = run_inside(python, program)
    assert result == {}
    assert problems == ["the heap was too large to be looked at in 1 MiB of memory"]


def test_allocations_fail_beyond_what_the_child_may_take() -> None:
    program = """
from leakhunt.agent.child import _confine
_confine(64 << 20)
held = bytearray(32 << 20)
try:
    bytearray(64 << 20)
except MemoryError:
    print(json.dumps("refused"))
"""
    assert run_inside(Path(sys.executable), program) == "refused"


def test_what_the_walk_copied_and_took_is_reported() -> None:
    program = """
from leakhunt.agent.child import Scene
here = Scene(0, gc.get_objects())
here.look()
before = here.peak
held = bytearray(b"x") * (30 << 20)
here.look()
del held
here.look()
print(json.dumps([before, here.peak]))
"""
    before, peak = run_inside(Path(sys.executable), program)
    assert 30 << 20 <= peak - before < 34 << 20


def test_the_app_goes_first_and_is_not_held_up_on_its_core() -> None:
    program = """
import os
from leakhunt.agent.child import _give_way
every = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(every)})
_give_way()
print(json.dumps([os.nice(0), os.sched_getaffinity(0) == every]))
"""
    assert run_inside(Path(sys.executable), program) == [10, True]
