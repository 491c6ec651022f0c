from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.targets.companions import CompanionSpec
from leakhunt.targets.launch_dir import LaunchDir, Placeholders


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[LaunchDir]:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # pytest's own directories have long names
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield LaunchDir.make()


def test_only_its_owner_may_read_it(made: LaunchDir) -> None:
    assert str(made.path.parent) == tempfile.gettempdir()
    assert made.path.stat().st_mode & 0o777 == 0o700


def test_every_program_has_a_log_of_its_own_whatever_its_name(made: LaunchDir) -> None:
    log = made.log("../celery worker")
    log.stdout.write_text("ready\n")
    log.stderr.write_text("a warning\n")
    assert {log.stdout.parent, log.stderr.parent} == {made.path / "logs"}
    assert made.log("../celery worker").text() == "ready\na warning\n"
    assert made.log("target").text() == ""


def test_a_socket_fits_where_the_temporary_directory_has_a_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("é" * 50)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    made = LaunchDir.make()
    try:
        assert len(os.fsencode(made.socket)) <= 100
        assert list(long.iterdir()) == []
    finally:
        made.path.joinpath("logs").rmdir()
        made.path.rmdir()


@pytest.mark.parametrize(("given", "then"), [({}, ""), ({"PYTHONPATH": "/own"}, ":/own"), ({"PYTHONPATH": ""}, ":")])
def test_the_agent_comes_first_on_the_path_and_the_given_one_is_not_touched(
    made: LaunchDir, given: dict[str, str], then: str
) -> None:
    before = dict(given)
    assert made.with_boot({"HOME": "/root", **given}) == {"HOME": "/root", "PYTHONPATH": f"{made.boot}{then}"}
    assert given == before


def test_placeholders_are_filled_wherever_a_workload_may_write_them() -> None:
    places = Placeholders(Path("/tmp/launch"), "/venv/bin/python")
    assert places.fill_command(("{python}", "--data={launch_dir}/data", "{n}")) == (
        "/venv/bin/python",
        "--data=/tmp/launch/data",
        "{n}",
    )
    assert places.fill_environment({"DATA": "{launch_dir}/data"}) == {"DATA": "/tmp/launch/data"}
    assert places.fill_companion(CompanionSpec("celery", ("{python}", "-m", "celery"), ready_log="ready")) == (
        CompanionSpec("celery", ("/venv/bin/python", "-m", "celery"), ready_log="ready")
    )
    asked = places.fill_companion(CompanionSpec("broker", ("redis-server",), ready_command=("{python}", "ping.py")))
    assert asked.ready_command == ("/venv/bin/python", "ping.py")
