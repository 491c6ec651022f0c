"""`leakhunt check` along a Git history, as a CI job runs it, alone and by a reference: clean, with a leak, mended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from formats import valid_code_quality, valid_junit, valid_open_metrics, valid_report, valid_sarif
from integration.command_line import EXAMPLES, CommandLine, Done, command_line

APP: Final = '''"""An address book without any framework."""

import json
from urllib.parse import parse_qs

PEOPLE = ("ada", "grace", "alan", "edsger")


def look_up(name):
    found = [person for person in PEOPLE if name.startswith(person)]
    return {"name": name, "found": found}


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    body = json.dumps(look_up(query["name"][0])).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
'''
SETTINGS: Final = """\
target = "web:application"
effort = "quick"
requests = 600

[[workload.step]]
name = "look up"
path = "/people?name=ada-{n}"
"""
FILES: Final = {
    "sarif": "out/a.sarif",
    "junit": "out/a.xml",
    "codequality": "out/cq.json",
    "gitlab-metrics": "out/metrics.txt",
    "markdown": "out/a.md",
    "json": "out/a.json",
}


@dataclass
class Project:
    """A repository of its own."""

    root: Path

    def commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace each of these texts, which stands there once."""
        text = (self.root / file).read_text()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.root / file).write_text(text)

    def added_lines(self) -> set[tuple[str, int]]:
        """File and number of each line that the last commit has added, as `git diff` shows them."""
        found, file = set(), ""
        for line in self._git("diff", "--unified=0", "HEAD~1").splitlines():
            if line.startswith("+++ b/"):
                file = line.removeprefix("+++ b/")
            elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
                first, count = int(hunk[1]), int(hunk[2] or 1)
                found |= {(file, number) for number in range(first, first + count)}
        return found

    def _git(self, *arguments: str) -> str:
        who = {f"GIT_{role}_{key}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-c", "init.defaultBranch=main", *arguments]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    @classmethod
    def begin(cls, root: Path) -> Project:
        (root / ".gitignore").write_text("leakhunt-runs/\nout/\n__pycache__/\n")
        project = cls(root)
        project._git("init", "--quiet")
        return project


@dataclass(frozen=True)
class Outcome:
    """What one check left behind, once every file of it was valid."""

    done: Done
    sarif: Any
    code_quality: Any
    report: Any
    metrics: Mapping[str, Mapping[str, float]]

    @property
    def annotated(self) -> set[tuple[str, int]]:
        """File and line of every error that GitHub is told."""
        found = re.findall(r"^::error file=([^,]+),line=(\d+),", self.done.out, re.MULTILINE)
        return {(file, int(line)) for file, line in found}

    @property
    def located(self) -> set[tuple[str, int]]:
        """File and line of every result in the SARIF file."""
        places = [result["locations"][0]["physicalLocation"] for result in self.sarif["runs"][0]["results"]]
        return {(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places}


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


def check(leakhunt: CommandLine, project: Project, *options: str) -> Outcome:
    summary = project.root / "out" / "summary.md"
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_WORKSPACE": str(project.root),
    }
    summary.unlink(missing_ok=True)
    named = [word for name, file in FILES.items() for word in (f"--{name}", file)]
    done = leakhunt("check", *named, *options, cwd=project.root, env=env, timeout=900)
    done.has_no_traceback()
    text = {name: (project.root / file).read_text() for name, file in FILES.items()}
    valid_junit(text["junit"])
    assert text["markdown"] == summary.read_text()
    return Outcome(
        done,
        sarif=valid_sarif(text["sarif"]),
        code_quality=valid_code_quality(text["codequality"]),
        report=valid_report(text["json"]),
        metrics=valid_open_metrics(text["gitlab-metrics"]),
    )


def check_passes(outcome: Outcome) -> None:
    assert outcome.done.code == 0, outcome.done.out + outcome.done.err
    assert outcome.done.out.startswith("PASSED  ")
    assert (outcome.annotated, outcome.located, outcome.code_quality) == (set(), set(), [])
    assert outcome.metrics["leakhunt_failed_checks"][""] == 0


def check_fails_at(outcome: Outcome, route: str, place: tuple[str, int]) -> None:
    """Every format names the same line, and that alone."""
    assert outcome.done.code == 1, outcome.done.out + outcome.done.err
    assert outcome.done.out.startswith("FAILED  1 of ")
    assert outcome.annotated == outcome.located == {place}
    (entry,) = outcome.code_quality
    assert (entry["location"]["path"], entry["location"]["lines"]["begin"]) == place
    (failed,) = [each for each in outcome.report["gate"]["checks"] if each["outcome"] == "failed"]
    assert (failed["route"], failed["limit"]) == (route, "growth")
    assert outcome.metrics["leakhunt_failed_checks"][""] == 1


def test_a_leak_fails_at_the_line_that_was_added_and_is_gone_with_it(leakhunt: CommandLine, tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "web.py").write_text(APP)
    (root / "leakhunt.toml").write_text(SETTINGS)
    project = Project.begin(root)
    project.commit("An address book")
    check_passes(check(leakhunt, project, "--update-reference"))
    assert '[routes."GET /people"]' in (root / "leakhunt-reference.toml").read_text()

    kept = "    RECENT[name] = [[person, name] for person in PEOPLE * 20]\n"
    project.edit(
        "web.py",
        ("\n\ndef look_up", "RECENT = {}\n\n\ndef look_up"),
        ("    return {", f"{kept}    return {{"),
    )
    project.commit("Remember who was looked up")
    line = 1 + (root / "web.py").read_text().splitlines().index(kept.rstrip("\n"))
    assert ("web.py", line) in project.added_lines()
    failed = check(leakhunt, project)
    check_fails_at(failed, "GET /people", ("web.py", line))
    assert "GET /people keeps more than in the reference: " in failed.done.out
    assert failed.report["gate"]["caveats"] == []

    project.edit("web.py", (kept, ""))
    project.commit("Forget who was looked up")
    mended = check(leakhunt, project)
    check_passes(mended)
    assert mended.report["gate"]["reference"] == "leakhunt-reference.toml"


@pytest.mark.slow
def test_a_leak_that_is_added_to_the_upload_site_fails_at_its_line(leakhunt: CommandLine, tmp_path: Path) -> None:
    root = tmp_path / "courseware"
    shutil.copytree(EXAMPLES / "courseware", root, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project.begin(root)
    project.edit("courseware/settings.py", ('"COURSEWARE_VARIANT") or "leaky"', '"COURSEWARE_VARIANT") or "fixed"'))
    project.commit("The site as it is after the incident")
    check_passes(check(leakhunt, project))

    file = "courseware/uploads/fixed.py"
    kept = "        _FIRST_PAGES[upload.pk] = stored.read(4096)\n"
    opened = '    with upload.file.open("rb") as stored:\n'
    project.edit(
        file,
        ("ROWS = 100\n", "ROWS = 100\n_FIRST_PAGES: dict[int, bytes] = {}\n"),
        (opened, opened + kept),
    )
    project.commit("Keep the first page of each document for a preview")
    line = 1 + (root / file).read_text().splitlines().index(kept.rstrip("\n"))
    assert (file, line) in project.added_lines()
    check_fails_at(check(leakhunt, project), "POST /lessons/<int:pk>/documents/", (file, line))

    project.edit(file, (kept, ""))
    project.commit("Read the first page when it is asked for")
    check_passes(check(leakhunt, project))
