"""The documentation and the program say the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from conftest import ROOT
from leakhunt.cli import main
from leakhunt.project import settings
from leakhunt.workload import load
from leakhunt.workload.payloads.kinds import KIND_NAMES
from leakhunt.workload.scenario import FAULTS

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
PROFILE = ROOT / "docs/commands/profile.md"


def commands() -> list[str]:
    """Names of the commands that exist."""
    return [command.name for command in main.COMMANDS if (ROOT / f"leakhunt/cli/{command.name}.py").is_file()]


def options_of(name: str) -> set[str]:
    command = next(command for command in main.COMMANDS if command.name == name).load()
    parts = (command, *(command.commands.values() if isinstance(command, click.Group) else ()))
    options = [parameter for part in parts for parameter in part.params if isinstance(parameter, click.Option)]
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts) if flag.startswith("--")}


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_documented(name: str) -> None:
    page = (ROOT / f"docs/commands/{name}.md").read_text()
    if "(profile.md#what-to-run)" in page:
        page += PROFILE.read_text()
    assert {option for option in options_of(name) if f"`{option}" not in page} == set()


@pytest.mark.parametrize("name", commands())
def test_no_page_documents_an_option_that_is_not_there(name: str) -> None:
    page = (ROOT / f"docs/commands/{name}.md").read_text()
    documented = set(re.findall(r"^`(--[a-z-]+)", page, re.MULTILINE))
    assert documented - options_of(name) == set()


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("workload.md", (*load._WORKLOAD_KEYS, *load._STEP_KEYS, *load.METHODS, *KIND_NAMES, *FAULTS)),
        ("settings.md", settings._KEYS),
    ],
)
def test_every_key_of_a_file_is_documented(page: str, words: tuple[str, ...]) -> None:
    text = (ROOT / "docs/reference" / page).read_text()
    assert [word for word in words if not re.search(rf'[`\["]{re.escape(word)}[`\]"]', text)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_in_the_documentation_exist(page: Path) -> None:
    named = re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", page.read_text())
    known = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(named) <= known


def test_make_lists_its_targets() -> None:
    run = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make demo" in run.stdout
    assert "make test-all" in run.stdout
