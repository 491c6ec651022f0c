"""`leakhunt check --shrink` on a real app: what is left of a workload is what the leak needs."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from integration.command_line import CommandLine, command_line
from leakhunt.workload.load import load_workload

pytestmark = pytest.mark.slow

SETTINGS = """
target = "caption_app:application"
workload = "photos.toml"
budget-time = 60
"""
PHOTOS = """
[[step]]
path = "/"

[[step]]
path = "/upload"
form = { title = "t{n}", caption = "c{n}", place = "p{n}" }

[[step]]
name = "order nothing"
path = "/orders"
method = "POST"
form = { note = "n{n}", voucher = "v{n}" }
expect = [400]
"""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    """Commands in this test; afterwards nothing of them may be left."""
    with command_line(tmp_path) as line:
        yield line


def test_one_field_of_three_and_an_error_path_are_what_is_left(leakhunt: CommandLine, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(ROOT / "tests" / "integration" / "caption_app.py", project)
    (project / "leakhunt.toml").write_text(SETTINGS)
    (project / "photos.toml").write_text(PHOTOS)
    done = leakhunt("check", "--shrink", "--json", "report.json", cwd=project, timeout=1500)
    assert done.code == 1, done.err
    found = {each["route"]: each for each in json.loads((project / "report.json").read_text())["reproductions"]}
    assert {route: each["sent"] for route, each in found.items()} == {
        "POST /upload": ["POST /upload with field caption"],
        "POST /orders": ["POST /orders, answered 400"],
    }
    assert all(each["complete"] for each in found.values()), done.err
    command = found["POST /upload"]["command"]
    assert command in done.out

    words = shlex.split(command)
    (step,) = load_workload(project / words[words.index("--workload") + 1]).steps
    assert dict(step.form) == {"caption": "c{n}"}
    again = leakhunt.profile(*words[2:], cwd=project, timeout=300)
    assert again.code == 1, again.err
    assert found["POST /upload"]["fingerprint"] in [each["fingerprint"] for each in again.report["suspects"]]
