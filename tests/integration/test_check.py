"""`leakhunt check` on real apps, as a CI job runs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from formats import valid_code_quality, valid_junit
from integration.command_line import EXAMPLES, CommandLine, command_line

LIMITS = """
target = "shop:application"
workload = "one.toml"
requests = 2000

[budgets]
memory = "800MB"
"""
SEARCH = """
[[step]]
method = "GET"
path = "/search?q=saddle-{n}"
"""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    """Commands in this test; afterwards nothing of them may be left."""
    with command_line(tmp_path) as line:
        yield line


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of its own, outside any repository: the shop of the examples, with one step."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(EXAMPLES / "bare_wsgi" / "shop.py", project)
    (project / "leakhunt.toml").write_text(LIMITS)
    (project / "one.toml").write_text(SEARCH)
    return project


def test_a_leak_fails_with_its_line_is_accepted_and_then_passes(
    leakhunt: CommandLine, shop: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(shop)}
    failed = leakhunt("check", "--junit", "out/junit.xml", "--codequality", "cq.json", cwd=shop, env=env, timeout=300)
    assert failed.code == 1, failed.err
    assert failed.out.startswith("FAILED  1 of ")
    line = 1 + next(
        number for number, text in enumerate((shop / "shop.py").read_text().splitlines()) if "seen = [" in text
    )
    assert f"::error file=shop.py,line={line},title=leakhunt::GET /search keeps " in failed.out
    assert summary.read_text().startswith("## leakhunt: FAILED")
    valid_junit((shop / "out/junit.xml").read_text())
    suite = ET.fromstring((shop / "out/junit.xml").read_text())[0]
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["growth"]
    (entry,) = valid_code_quality((shop / "cq.json").read_text())
    assert entry["location"] == {"path": "shop.py", "lines": {"begin": line}}

    accepted = leakhunt("check", "--accept", "--reason", "mended with 2.4", "--no-ci", cwd=shop, env=env, timeout=300)
    assert accepted.code == 0, accepted.err
    assert "1 of them by leaks that are known" in accepted.out
    assert "::" not in accepted.out
    known = (shop / "leakhunt-known.toml").read_text()
    assert "mended with 2.4" in known

    (shop / "leakhunt.toml").write_text(f'{LIMITS}\n[env]\nSHOP_VARIANT = "clean"\n')
    gone = leakhunt("check", cwd=shop, env={"GITHUB_ACTIONS": ""}, timeout=300)
    assert gone.code == 0, gone.out
    assert "was not seen; if it is mended, take it out of the list" in gone.out


def test_a_memory_limit_fails_an_app_that_leaks_nothing(leakhunt: CommandLine, shop: Path) -> None:
    text = LIMITS.replace("800MB", "1MB").replace("2000", "300")
    (shop / "leakhunt.toml").write_text(f'{text}\n[env]\nSHOP_VARIANT = "clean"\n')
    done = leakhunt("check", "--budget-time", "5", cwd=shop)
    assert done.code == 1, done.err
    assert " took " in done.out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--accept",), "--accept needs a reason"),
        (("--owner", "me"), "--owner has no effect without --accept"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    leakhunt: CommandLine, shop: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    leakhunt("check", *arguments, cwd=shop).fails(2, sentence)


def test_a_mistake_in_the_settings_names_line_and_key(leakhunt: CommandLine, shop: Path) -> None:
    (shop / "leakhunt.toml").write_text(LIMITS + 'peek = "1MB"\n')
    done = leakhunt("check", cwd=shop)
    done.fails(2, "budgets.peek", "`peak`")
    assert "leakhunt.toml:8" in done.complaint


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(leakhunt: CommandLine, shop: Path) -> None:
    (shop / "out").write_text("a file")
    done = leakhunt("check", "--junit", "out/junit.xml", cwd=shop)
    done.fails(3, "out/junit.xml", "--junit")
    assert not (shop / "leakhunt-runs").exists()
