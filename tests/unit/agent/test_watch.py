from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, find_interpreters
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import Onlooker, call
from leakhunt.agent.watch import Watch

LOST = 3000
SCRIPT = Path(__file__).with_name("watched.py")


@cache
def facts(version: str) -> Mapping[str, Any]:
    command = [str(find_interpreters()[version]), "-W", "error", str(SCRIPT)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read: Mapping[str, Any] = json.loads(done.stdout)
    return read


def rows(version: str, function: str, kind: str = "call") -> list[Mapping[str, Any]]:
    table = facts(version)["table"]
    return [row for row in table["calls"] if row["stack"][0][2] == function and row["operation"] == kind]


every_interpreter = pytest.mark.parametrize("version", find_interpreters())


def has_extensions(version: str) -> bool:
    """Whether `array` and `csv` are extensions there: Debian builds them into the interpreter."""
    command = [str(find_interpreters()[version]), "-c", "import array, _csv; array.__file__, _csv.__file__"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


where_these_are_extensions = pytest.mark.parametrize(
    "version", [version for version in find_interpreters() if has_extensions(version)]
)


@every_interpreter
def test_bytes_of_malloc_are_put_down_to_the_line_that_calls_for_them(version: str) -> None:
    row = max(rows(version, "leaks_malloc"), key=lambda each: each["malloc"])
    assert 10 * LOST <= row["malloc"] <= 10 * (LOST + 200)
    assert row["count"] == 10
    (callee,) = row["callees"]
    assert callee[0].rpartition("/")[2].startswith("_ctypes.")
    assert row["stack"][1][2] == "application"


@where_these_are_extensions
def test_constructors_are_seen_though_the_interpreter_reports_no_call_of_them(version: str) -> None:
    row = max(rows(version, "keeps_arrays"), key=lambda each: each["blocks"])
    assert 10 * 1 <= row["blocks"] <= 10 * 4
    assert row["callees"][0][1] in {"array.__new__", "array.__init__", "array"}
    assert "/array." in row["callees"][0][0]


@where_these_are_extensions
def test_iteration_is_seen(version: str) -> None:
    row = max(rows(version, "iterates", "iteration"), key=lambda each: each["count"])
    assert row["count"] == 10 * 21, "twenty rows and the end, in each request"
    assert row["blocks"] >= 10 * 15, "of each row a word is kept; the reader goes with the last"
    assert "/_csv." in row["callees"][0][0]


@every_interpreter
def test_the_app_answers_and_fails_as_without_it(version: str) -> None:
    assert facts(version)["bodies"] == ["/"] * 10
    assert facts(version)["raised"] == "/raise"


@every_interpreter
def test_no_hook_stays_after_a_request_whatever_becomes_of_it(version: str) -> None:
    assert [facts(version)[when] for when in ("after", "after error", "at the end")] == [str([None, None])] * 3


@every_interpreter
def test_an_app_that_profiles_itself_is_left_alone(version: str) -> None:
    assert facts(version)["profiled"] == [{"the app traces or profiles itself": 1}, True]
    assert facts(version)["profiler set meanwhile"] is True


@every_interpreter
def test_a_request_that_takes_too_long_goes_on_unhindered(version: str) -> None:
    assert facts(version)["late"] == [str([None, None]), {"it takes too long while it is looked at": 1}]


@every_interpreter
def test_a_failure_of_ours_never_reaches_the_app(version: str) -> None:
    assert facts(version)["with broken gauges"] == "/"
    assert facts(version)["still active"] is False
    assert set(facts(version)["problems"]) == {"watch: OSError: no such counter"}


def test_a_request_beside_another_one_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(Onlooker, "watch", watch)
    COUNTERS.start()
    try:
        call(lambda *_: [], {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, None)
    finally:
        COUNTERS.finish("GET", "/", None)
    table = watch.table()
    watch.stop()
    assert (table["requests"], table["skipped"]) == (0, {"another request was in flight": 1})
