"""The plugin as pytest runs it: in a process of its own, with the settings that people use."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

QUICK = ("-p", "no:cacheprovider", "-p", "no:xdist")

MARKED = """
    import asyncio, logging, unittest, warnings
    import pytest

    KEPT = []
    ONCE = []

    @pytest.fixture
    def made():
        ONCE.append(1)
        return len(ONCE)

    @pytest.mark.leakhunt(rounds=12)
    def test_leaks():
        KEPT.append(bytes(1000))

    @pytest.mark.leakhunt(max_growth="4KiB/call", max_peak="30MB")
    class TestWithinLimits:
        @pytest.mark.parametrize("size", [1, 2])
        def test_small(self, size, made, caplog, capsys, monkeypatch):
            monkeypatch.setattr(asyncio, "sleep", None)
            logging.getLogger("app").warning("logged")
            print("printed")
            warnings.warn("warned", UserWarning)
            KEPT.append(bytes(size))
            assert len(caplog.records) == 1
            assert capsys.readouterr().out == "printed\\n"
            assert made == size

    class TestCase(unittest.TestCase):
        def setUp(self):
            self.ready = True

        @pytest.mark.leakhunt
        def test_clean(self):
            self.assertTrue(self.ready)

        @pytest.mark.leakhunt
        def test_fails_when_repeated(self):
            ONCE.append(2)
            self.assertLess(ONCE.count(2), 5)

    @pytest.mark.leakhunt
    def test_fails_at_once():
        assert KEPT == "no"

    @pytest.mark.leakhunt
    def test_is_skipped():
        pytest.skip("not today")

    @pytest.mark.leakhunt(max_grow=1)
    def test_is_misspelt():
        pass
"""


@pytest.fixture
def ran(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makepyfile(test_marked=MARKED)
    return pytester.runpytest_subprocess(*QUICK, "-W", "ignore", "--junitxml=report.xml", "-rA", timeout=120)


def test_marked_tests_are_called_again_and_again_and_judged(ran: pytest.RunResult, pytester: pytest.Pytester) -> None:
    ran.assert_outcomes(passed=3, failed=4, skipped=1)
    text = ran.stdout.str()
    failed = set(re.findall(r"^FAILED test_marked.py::(\S+)", text, re.MULTILINE))
    wanted = {"test_leaks", "TestCase::test_fails_when_repeated", "test_fails_at_once", "test_is_misspelt"}
    assert failed == wanted
    assert "there is no max_grow. Did you mean max_growth?" in text
    _tells_the_leak(text)
    _is_quiet_where_it_passes(text)
    _leaves_figures_in(pytester.path / "report.xml")


def _tells_the_leak(text: str) -> None:
    block = text.split(" test_leaks ")[1].split("\n____", maxsplit=1)[0]
    assert re.search(r"^leak: 1\.0\d KiB kept by each call \(99 %: .*; allowed: 64 B$", block, re.MULTILINE)
    assert "test_marked.py:14 in test_leaks" in block
    assert "holder  test_marked.KEPT[*]  (+1 bytes per call)" in block
    assert "leakhunt/plugin" not in block
    assert "Traceback" not in block


def _is_quiet_where_it_passes(text: str) -> None:
    passed = text.split(" PASSES ")[1].split("short test summary", maxsplit=1)[0]
    # What the one first call prints, and no more.
    assert passed.count("printed") <= 2
    assert passed.count("logged") <= 4


def _leaves_figures_in(file: Path) -> None:
    properties = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in ET.parse(file).iter("testcase")
    }
    assert properties["test_leaks"]["leakhunt.verdict"] == "LEAK"
    assert 1000 < float(properties["test_leaks"]["leakhunt.bytes_per_call"] or 0) < 1200
    assert float(properties["test_small[1]"]["leakhunt.peak"] or "nan") < 30e6
    assert properties["test_fails_at_once"] == {}


def test_settings_hold_for_all_tests_and_checks_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_settings="""
        import random
        import pytest

        KEPT, CALLS = [], []
        NOISE = random.Random(5)
        LAST = {}

        @pytest.mark.leakhunt(rounds=12)
        def test_within_what_the_settings_allow():
            KEPT.append(bytes(1000))
            CALLS.append(1)

        @pytest.mark.leakhunt(calls=200, rounds=12)
        def test_noisy():
            LAST["it"] = bytes(NOISE.randrange(1_000_000))

        def test_fixture(leakhunt):
            leakhunt.assert_no_growth(CALLS.append, 1, calls=200, rounds=12)
            leakhunt.assert_no_growth(CALLS.append, 1, calls=200, rounds=12, max_growth="10KiB/call")
    """
    )
    pytester.makeini("[pytest]\nleakhunt_max_growth = 2KiB/call\nleakhunt_undecided = skip\nleakhunt_time = 4\n")
    checked = pytester.runpytest_subprocess(*QUICK, "-rs", "--durations=9", timeout=120)
    checked.assert_outcomes(passed=2, skipped=1)
    checked.stdout.fnmatch_lines(["*undecided: * calls prove neither that this leaks nor that it does not*"])

    off = pytester.runpytest_subprocess(*QUICK, "--leakhunt=off", timeout=120)
    off.assert_outcomes(passed=3)


def test_loading_the_plugin_imports_nothing_but_itself() -> None:
    question = (
        "import pytest, sys; before = set(sys.modules); import leakhunt.plugin.hooks; "
        "print(*sorted(set(sys.modules) - before))"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["leakhunt", "leakhunt.plugin", "leakhunt.plugin.hooks"]


def test_a_check_imports_nothing_that_draws_or_prints() -> None:
    question = (
        "import sys; import leakhunt.plugin.marked, leakhunt.plugin.fixture; "
        "print(*sorted({'click', 'rich', 'matplotlib', 'jinja2', 'django', 'flask'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
