"""What can be told of the recipes without running them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from leakhunt.cli import main
from recipes import CI, FILES, github_steps, gitlab_steps, jenkins_steps
from unit.test_docs import options_of

PAGE = ROOT / "docs" / "recipes" / "ci.md"


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(words[0])
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("github-actions.yml", "vendor.github-workflows"),
        ("github-code-scanning.yml", "vendor.github-workflows"),
        ("gitlab-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_a_recipe_is_valid_by_the_schema_of_its_system(file: str, schema: str, tmp_path: Path) -> None:
    checked = tool("check-jsonschema", "--builtin-schema", schema, str(CI / file))
    assert checked.returncode == 0, checked.stdout
    broken = tmp_path / file
    broken.write_text(re.sub(r"^( *)(runs-on|script):", r"\1\2-not:", (CI / file).read_text(), flags=re.MULTILINE))
    assert tool("check-jsonschema", "--builtin-schema", schema, str(broken)).returncode == 1


def test_the_hook_and_its_configuration_are_valid() -> None:
    assert tool("pre-commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")).returncode == 0
    assert tool("pre-commit", "validate-config", str(CI / "pre-commit-config.yaml")).returncode == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_recipe_stands_in_the_docs(path: Path) -> None:
    assert f'--8<-- "{path.name}"' in PAGE.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_recipe_uses_commands_and_options_that_exist(path: Path) -> None:
    used = re.findall(r"\bleakhunt[\", ]+(check|scan)\b([^\n]*)", path.read_text())
    assert used
    for command, rest in used:
        assert command in {each.name for each in main.COMMANDS}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options_of(command)


def test_the_steps_of_every_system_are_found() -> None:
    steps = [
        github_steps("github-actions.yml"),
        github_steps("github-code-scanning.yml"),
        gitlab_steps(),
        jenkins_steps(),
    ]
    for found in steps:
        assert "pip install" in "".join(found)
        assert "leakhunt " in "".join(found)
