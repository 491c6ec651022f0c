"""The plugin under every supported version of pytest, alone and with xdist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

VERSIONS = ("7.0.1", "7.4.4", "8.0.2", "8.4.2", "9.0.1")

TESTS = """
import asyncio
import unittest

import pytest

KEPT = []


@pytest.mark.leakhunt(rounds=12)
def test_leaks():
    KEPT.append(bytes(500))


@pytest.mark.leakhunt(max_growth="1KiB/call", max_peak="10MB")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_clean(size, caplog, capsys, monkeypatch, recwarn):
    monkeypatch.setattr(asyncio, "sleep", None)
    print(size)
    assert capsys.readouterr().out == f"{size}\\n"


class TestCase(unittest.TestCase):
    @pytest.mark.leakhunt
    def test_method(self):
        self.assertEqual(len(bytes(10)), 10)


@pytest.mark.leakhunt
@pytest.mark.anyio
async def test_asynchronous():
    await asyncio.sleep(0)


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_fixture(leakhunt):
    leakhunt.assert_no_growth(len, "abc")
    with pytest.raises(pytest.fail.Exception, match="500|5[0-9][0-9] B kept by each call"):
        leakhunt.assert_no_growth(lambda: KEPT.append(bytes(500)), rounds=12)
"""


@pytest.fixture(scope="module", params=VERSIONS)
def packages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A version of pytest, and a directory that has it."""
    directory = tmp_path_factory.mktemp("packages")
    wanted = [f"pytest=={request.param}", "pytest-xdist", "anyio"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory), *wanted]
    subprocess.run(pip, check=True, capture_output=True)
    return request.param, directory


@pytest.mark.parametrize("workers", [0, 2])
def test_a_version_of_pytest_runs_the_plugin(packages: tuple[str, Path], workers: int, tmp_path: Path) -> None:
    version, directory = packages
    (tmp_path / "test_all.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugins = ["-p", "leakhunt.plugin.hooks", "-p", "xdist.plugin", "-p", "anyio.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugins, "-n", str(workers), "-rf", "--junitxml=report.xml"]
    environment = os.environ | {"PYTHONPATH": str(directory), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    told = ran.stdout + ran.stderr
    assert f"pytest-{version}" in told, told
    assert re.search(r"1 failed, 6 passed", told), told
    assert "FAILED test_all.py::test_leaks" in told
    assert "holder  test_all.KEPT[*]" in told
    cases = {case.get("name"): case for case in ET.parse(tmp_path / "report.xml").iter("testcase")}
    figures = {each.get("name"): each.get("value") for each in cases["test_leaks"].iter("property")}
    assert figures["leakhunt.verdict"] == "LEAK"
