"""Tasks of a Celery worker are counted: seen where Celery itself is set up as its worker processes set it up."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

WORKER = """
import json, sys
from celery import Celery
from celery.app import trace
from leakhunt.agent import hooking, hooks, journal
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import CURRENT

app = Celery("shop", broker="memory://", set_as_current=True)
seen = []

@app.task(name="shop.orders_2.ship")
def ship(number):
    seen.append((CURRENT.get() is not None, COUNTERS.in_flight))
    if number < 0:
        raise LookupError("no such order")
    return number

def run(number):
    failed, value, _ = trace.fast_trace_task(
        ship.name, "an-id", {"id": "an-id", "retries": 0}, ([number], {}, {}), None, None)
    return failed

def told():
    return [COUNTERS.served(), COUNTERS.in_flight]

out = {}
try:
    hooking.hook(None)
except hooking.NotFound as reason:
    out["before"] = str(reason)
trace.setup_worker_optimizations(app, "here")
for name, task in app.tasks.items():
    task.__trace__ = trace.build_tracer(name, task, app.loader, "here", app=app)
original = ship.__trace__
out["hooked"] = hooking.hook(None)
out["ran"] = [run(1), run(2), run(-1)]
out["seen"], out["told"] = list(seen), told()
late = ship.__trace__
out["left"] = hooks.unhook()
out["same"] = ship.__trace__ is original
run(3), late("an-id", (4,), {}, {"id": "an-id"})
out["after"] = told()
hooking.hook(None)
ours = ship.__trace__
ship.__trace__ = lambda *args: ours(*args)
out["wrapped"] = hooks.unhook()
run(5)
out["wrapped after"] = told()
out["problems"] = journal.problems
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def facts() -> Any:
    done = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_process_that_only_defines_tasks_has_none_to_count(facts: Any) -> None:
    assert "no WSGI or ASGI application found" in facts["before"]


def test_each_run_of_a_task_is_a_request_by_its_name(facts: Any) -> None:
    (row,) = facts["hooked"]["servers"]
    assert (row["server"], row["kind"]) == ("celery", "task")
    assert facts["seen"] == [[True, 1]] * 3
    assert facts["told"] == [{"TASK shop.orders_2.ship": 3}, 0]


def test_a_task_fails_as_without_us(facts: Any) -> None:
    assert facts["ran"][:2] == [0, 0]
    assert facts["ran"][2] == 1


def test_undone_everything_is_the_same_and_what_others_kept_counts_nothing(facts: Any) -> None:
    assert facts["same"] is True
    assert facts["left"] == []
    assert facts["after"] == facts["told"]


def test_what_someone_wrapped_after_us_stays_and_is_told(facts: Any) -> None:
    (name,) = facts["wrapped"]
    assert name.endswith(".__trace__")
    assert facts["wrapped after"] == facts["told"]


def test_nothing_went_wrong_unseen(facts: Any) -> None:
    assert facts["problems"] == []
