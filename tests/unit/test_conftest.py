from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import conftest

HOUSE_RULES = Path(conftest.__file__)


def run_pytest(directory: Path, test: str, *options: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a test file of its own under the house rules, outside this run."""
    (directory / "conftest.py").write_text(HOUSE_RULES.read_text())
    (directory / "pytest.ini").write_text("[pytest]\nmarkers = serial\n")
    (directory / "test_inner.py").write_text(test)
    env = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    if ci:
        env["CI"] = "true"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)


SKIPPED_TEST = """
import pytest

def test_needs_more():
    pytest.skip("no moon tonight")
"""

SKIPPED_MODULE = """
import pytest

pytest.skip("no sun today", allow_module_level=True)
"""


def test_a_skip_is_no_failure_on_a_developers_machine(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, SKIPPED_TEST)
    assert run.returncode == 0
    assert "no moon tonight" in run.stdout


@pytest.mark.parametrize(("test", "reason"), [(SKIPPED_TEST, "no moon tonight"), (SKIPPED_MODULE, "no sun today")])
def test_a_skip_is_a_failure_under_ci(tmp_path: Path, test: str, reason: str) -> None:
    run = run_pytest(tmp_path, test, ci=True)
    assert run.returncode != 0
    assert f"Under CI nothing is skipped. Skipped: {reason}" in run.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    test = "import pytest\n\n@pytest.mark.xfail\ndef test_known(): assert False\n"
    run = run_pytest(tmp_path, test, ci=True)
    assert run.returncode == 0
    assert "1 xfailed" in run.stdout


def test_a_process_left_behind_fails_the_test_that_left_it(tmp_path: Path) -> None:
    test = "import subprocess\n\ndef test_careless(): subprocess.Popen(['sleep', '4'])\n"
    run = run_pytest(tmp_path, test)
    assert run.returncode == 1
    assert "Left behind:" in run.stdout
    assert "(sleep 4)" in run.stdout


CROWD = """
import time
from pathlib import Path

RUNNING = Path(__file__).parent

def busy(name):
    mine = RUNNING / f"{name}.running"
    mine.touch()
    time.sleep(0.05)
    mine.unlink()
"""

LONER = """
@pytest.mark.serial
def test_alone_{n}():
    for _ in range(5):
        assert not list(RUNNING.glob("*.running"))
        time.sleep(0.01)
"""


def test_a_serial_test_runs_while_no_other_does(tmp_path: Path) -> None:
    tests = [LONER if n % 5 == 2 else "\ndef test_in_company_{n}():\n    busy({n})\n" for n in range(20)]
    source = CROWD + "\nimport pytest\n" + "".join(test.format(n=n) for n, test in enumerate(tests))
    run = run_pytest(tmp_path, source, "-n", "2", "--maxschedchunk", "1")
    assert run.returncode == 0, run.stdout
    assert "20 passed" in run.stdout
