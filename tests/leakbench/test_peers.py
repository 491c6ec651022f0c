"""Every peer's rule, and the real driver with the real tools on small programs that leak or do not."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakbench.case import Case, load_case
from leakbench.environments import NoEnvironmentError
from leakbench.lines import append_line
from leakbench.peers import run
from leakbench.peers.inside import (
    leak_hunter_check,
    load,
    memray_leaks,
    nothing,
    objgraph_growth,
    pympler_tracker,
    tracemalloc_diff,
)
from leakbench.peers.inside.rows import Plan, Row
from leakbench.peers.mann_kendall import rising, statistic
from leakbench.peers.outcome import Outcome, read_outcomes
from leakbench.peers.outside import slope_p_value, verdicts
from leakbench.peers.packages import packages
from leakbench.peers.registry import Peer
from leakbench.scoring import is_culprit
from leakbench.series import Series
from leakbench.trial import Trial

TOML = """
title = "Records are kept"
origin = "seeded"
python = "3.11"
[axes]
holder = "list"
signal = "live"
trigger = "every request"
[leaky]
env = { LEAKY = "1" }
verdict = "LEAK"
cause = "python-objects"
[leaky.culprit]
sites = ["app.py:application"]
types = ["app.Record"]
[fixed]
env = { LEAKY = "0" }
verdict = "CLEAN"
"""
APP = """
import os
class Record:
    def __init__(self, text):
        self.text = text
KEPT = []
def application(environ, start_response):
    record = Record(environ["QUERY_STRING"] * 50)
    if os.environ["LEAKY"] == "1":
        KEPT.append(record)
    start_response("200 OK", [])
    return [b"ok"]
"""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    directory = tmp_path / "kept"
    directory.mkdir()
    (directory / "case.toml").write_text(TOML)
    (directory / "app.py").write_text(APP)
    return load_case(directory)


def outcome(peer: Peer, case: Case, side: str, requests: int = 400) -> Outcome:
    trial = Trial(case, case.side(side), 1)
    return run.run_peer(peer, trial, requests, timeout=120, python=Path(sys.executable))


@pytest.mark.parametrize("peer", [tracemalloc_diff, objgraph_growth, pympler_tracker])
def test_a_peer_finds_a_plain_leak_and_its_culprit(peer: Peer, case: Case) -> None:
    found = outcome(peer, case, "leaky")
    assert (found.outcome, found.verdict, found.reason) == ("judged", "LEAK", "")
    assert found.suspect is not None
    assert is_culprit(found.suspect, case.side("leaky").culprit) or found.suspect.type == "str"


@pytest.mark.parametrize("peer", [tracemalloc_diff, objgraph_growth, pympler_tracker, nothing])
def test_a_peer_raises_no_alarm_where_nothing_is_kept(peer: Peer, case: Case) -> None:
    found = outcome(peer, case, "fixed")
    assert (found.outcome, found.verdict) == ("judged", "CLEAN")
    assert found.app_seconds is not None


def test_an_app_that_only_fails_is_not_judged(case: Case) -> None:
    (case.directory / "app.py").write_text("def application(environ, start_response):\n    raise ValueError\n")
    found = outcome(tracemalloc_diff, case, "leaky", 20)
    assert (found.outcome, found.verdict) == ("failed", None)
    assert "raised" in found.reason


def test_a_run_that_does_not_end_is_stopped(case: Case) -> None:
    (case.directory / "app.py").write_text("import time\ndef application(*_):\n    time.sleep(60)\n")
    trial = Trial(case, case.side("leaky"), 1)
    found = run.run_peer(nothing, trial, 20, timeout=2, python=Path(sys.executable))
    assert (found.outcome, found.verdict) == ("timed out", None)


def test_a_tool_that_is_too_new_for_a_python_is_not_applicable(case: Case, tmp_path: Path) -> None:
    (case.directory / "case.toml").write_text(TOML.replace('"3.11"', '"3.8"'))
    old = load_case(case.directory)
    found = run.run_peer(leak_hunter_check, Trial(old, old.side("leaky"), 1), 20, cache=tmp_path)
    assert (found.outcome, found.verdict) == ("not applicable", None)
    assert found.reason == "needs Python 3.10, the case has 3.8"


def test_growth_in_one_half_only_is_no_leak() -> None:
    cache, leak, small = Row((9e6, 0.0)), Row((7e4, 7e4)), Row((6e4, 6e4))
    plan = Plan(100, 2000)
    assert tracemalloc_diff.accuse([cache, leak, small], plan) == [leak]
    assert pympler_tracker.accuse([cache, leak, small], plan) == [leak]


def test_a_type_has_to_be_in_every_list_of_objgraph() -> None:
    always, once = Row((1, 2, 1, 1, 3), type="app.Record"), Row((50, 0, 0, 0, 0), type="dict")
    assert objgraph_growth.accuse([once, always], Plan(10, 100)) == [always]


def test_a_stack_over_the_limit_is_a_leak_to_memray() -> None:
    over, under = Row((128_000.0,)), Row((127_999.0,))
    assert memray_leaks.accuse([under, over], Plan(200, 2000)) == [over]


LOADED = {"PIL/_imaging.so": b"unknown gc_alloc malloc PyUnicode_New", "box/_box.so": b"_ZN3Box4growEi unknown"}


@pytest.mark.parametrize(
    ("function", "file"),
    [
        ("gc_alloc", "Modules/gcmodule.c"),
        ("gc_alloc", "./Include/internal/pycore_gc.h"),
        ("gc_alloc", "/tmp/python-build.1/Python-3.11.7/Modules/_ctypes/callproc.c"),
        ("PyUnicode_New", "<unknown>"),  # without debug information
        ("malloc", "./malloc/malloc.c"),
        ("<unknown>", "<unknown>"),
        ("", ""),
        ("loop", "/packages/memray/_memray.py"),
        ("ffi_call", "<unknown>"),  # of no installed package
    ],
)
def test_the_interpreter_is_no_culprit_of_memray(function: str, file: str) -> None:
    assert memray_leaks.outside(function, file, 7, "/app", LOADED) is None


def test_memray_names_the_shared_object_or_the_python_file_outside() -> None:
    assert memray_leaks.outside("Box::grow(int)", "src/box.cpp", 7, "/app", LOADED) == "box/_box.so:Box::grow(int)"
    assert memray_leaks.outside("loads", "/lib/json.py", 7, "/app", LOADED) == "/lib/json.py:7:loads"


@dataclass
class Leaked:
    """What memray says of one stack, the innermost frame first."""

    size: int
    stack: list[tuple[str, str, int]]

    def hybrid_stack_trace(self) -> list[tuple[str, str, int]]:
        return self.stack


def test_memray_names_the_nearest_line_of_the_app_and_what_lies_between() -> None:
    native = [("gc_alloc", "Modules/gcmodule.c", 9), ("Box::grow(int)", "src/box.cpp", 8)]
    app = [("keep", "/app/app.py", 7), ("_PyEval_EvalFrame", "Python/ceval.c", 6), ("application", "/app/app.py", 5)]
    driver = (load.__name__, load.__file__, 4)
    found = memray_leaks.row(Leaked(100, [*native, *app, driver]), "/app", LOADED)
    assert found == Row((100.0,), site="app.py:7:keep", library="box/_box.so:Box::grow(int)")
    alone = memray_leaks.row(Leaked(100, [native[0], driver, *app]), "/app", LOADED)
    assert alone == Row((100.0,))


def test_shared_objects_are_those_of_installed_packages() -> None:
    importlib.import_module("markupsafe._speedups")
    found = memray_leaks.extensions()
    (speedups,) = (path for path in found if path.startswith("markupsafe/_speedups"))
    assert b"PyInit__speedups" in found[speedups]
    assert not any("lib-dynload" in path or path.startswith("/") for path in found)


@pytest.mark.parametrize(
    ("root", "steps", "path"),
    [
        ("module app, global '_SEEN'", ("dict['a']", "app.Record"), "app._SEEN"),
        ("module app, global 'Cache'", ("class Cache.entries", "app.Record"), "app.Cache.entries"),
        ("outside Python: nothing", (), None),
    ],
)
def test_the_holder_is_named_as_in_the_truth(root: str, steps: tuple[str, ...], path: str | None) -> None:
    assert leak_hunter_check.holder(root, steps) == path


@pytest.mark.parametrize(
    ("shown", "name"), [("<class 'app.Record'", "app.Record"), ("dict", "dict"), ("function (view)", "function")]
)
def test_a_type_of_pympler_is_read(shown: str, name: str) -> None:
    assert pympler_tracker.type_name(shown) == name


def test_mann_kendall_counts_pairs() -> None:
    assert statistic([1, 2, 3, 4]) == 6
    assert statistic([4, 1, 3, 2]) == -2  # falls: 4-1, 4-3, 4-2, 3-2; rises: 1-3, 1-2


def test_mann_kendall_is_exact_without_ties() -> None:
    assert rising([1, 2, 3, 4]) == pytest.approx(1 / 24)
    assert rising([1, 2, 4, 3]) == pytest.approx(4 / 24)  # the sorted order and the three with one inversion
    assert rising([4, 3, 2, 1]) == 1


def test_mann_kendall_corrects_for_ties() -> None:
    # S = 5, variance = (4 * 3 * 13 - 2 * 1 * 9) / 18 = 7.667, z = 4 / 2.769 = 1.4446
    assert rising([1, 2, 2, 3]) == pytest.approx(0.0743, abs=1e-4)
    assert rising([5, 5, 5, 5]) == 1


def test_the_slope_is_tested_with_students_t() -> None:
    # slope 0.8, residual sum of squares 3.6 with 3 degrees of freedom: t = 0.8 / sqrt(1.2 / 10) = 2.3094
    assert slope_p_value([1, 2, 3, 4, 5], [1, 3, 2, 5, 4]) == pytest.approx(0.0520, abs=1e-4)
    assert slope_p_value([1, 2, 3], [3, 2, 1]) == 1
    assert slope_p_value([1, 2, 3], [7, 7, 7]) == 1


def test_the_tests_from_outside_judge_both_series() -> None:
    x = tuple(range(8))
    rising_series, level = tuple(100 + 3 * v for v in x), (100, 99, 101, 100, 98, 101, 99, 100)
    said = verdicts(Series(x, rising_series, level))
    assert {name for name, verdict in said.items() if verdict == "LEAK"} == {
        "rss_grew",
        "rss_slopes_up",
        "rss_trends_up",
    }
    assert len(said) == 6


def test_outcomes_are_read_back_and_a_torn_line_is_left_out(case: Case, tmp_path: Path) -> None:
    found = outcome(tracemalloc_diff, case, "leaky", 200)
    path = tmp_path / "outcomes.jsonl"
    append_line(path, found)
    with path.open("a") as file:
        file.write('{"peer": "tr')
    append_line(path, found)
    assert read_outcomes(path) == {found.key: found}


@pytest.mark.parametrize("body", [b"", b"x", b"word " * 20_000])
def test_an_app_reads_copies_of_a_body(body: bytes) -> None:
    whole, parts = load.stream_of(body).read(), load.stream_of(body)
    assert whole == body
    assert len(body) < 2 or (whole is not body and load.stream_of(body).getvalue() == body)
    assert b"".join(iter(lambda: parts.read(1000), b"")) == body


KEEPS_BODIES = """
import os
KEPT = []
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    if os.environ["LEAKY"] == "1":
        KEPT.append(body)
    start_response("200 OK", [])
    return [b"ok"]
"""
KEEPS_ENVIRONS = """
import os
KEPT = []
def application(environ, start_response):
    if os.environ["LEAKY"] == "1":
        KEPT.append(environ["QUERY_STRING"])
    start_response("200 OK", [])
    return [b"ok"]
"""


def test_bodies_that_are_kept_are_put_down_to_the_line_that_read_them(case: Case) -> None:
    (case.directory / "app.py").write_text(KEEPS_BODIES)
    files = '[{ field = "file", kind = "random", size = "50KB" }]'
    (case.directory / "uploads.toml").write_text(f'[[step]]\nname = "upload"\npath = "/"\nfiles = {files}\n')
    (case.directory / "case.toml").write_text(TOML.replace("[axes]", 'workload = "uploads.toml"\n[axes]'))
    with_uploads = load_case(case.directory)
    found = outcome(tracemalloc_diff, with_uploads, "leaky", 200)
    assert (found.verdict, found.suspect and found.suspect.site) == ("LEAK", "app.py:5:application")
    assert outcome(tracemalloc_diff, with_uploads, "fixed", 200).verdict == "CLEAN"


def test_what_the_driver_has_made_and_the_app_keeps_is_a_leak(case: Case) -> None:
    (case.directory / "app.py").write_text(KEEPS_ENVIRONS)
    many = f'requests = ["GET /?i={{n}}-{"x" * 200}"]\n'
    (case.directory / "case.toml").write_text(TOML.replace("[axes]", many + "[axes]"))
    with_texts = load_case(case.directory)
    found = outcome(tracemalloc_diff, with_texts, "leaky", 1000)
    assert found.verdict == "LEAK"
    assert outcome(tracemalloc_diff, with_texts, "fixed", 1000).verdict == "CLEAN"


def test_packages_are_kept_by_their_version(tmp_path: Path) -> None:
    kept = tmp_path / "peers" / "3.11-objgraph==3.6.2"
    kept.mkdir(parents=True)
    (kept / "installed.txt").touch()
    assert packages(("objgraph==3.6.2",), "3.11", tmp_path) == kept
    assert packages((), "3.11", tmp_path) is None
    with pytest.raises(NoEnvironmentError, match=r"no Python 3\.99"):
        packages(("objgraph==3.6.2",), "3.99", tmp_path)
