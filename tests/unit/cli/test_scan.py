"""`leakhunt scan`: exit codes, rules that are chosen, files that are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from formats import valid_sarif
from leakhunt.cli.main import main

SOURCE = "import gc\ngc.disable()\ndef tag(name, tags=[]):\n    tags.append(name)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(output: str) -> set[str]:
    return {word for word in output.split() if word.startswith("LH1")}


def test_findings_are_exit_code_1_and_none_are_0(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "."]) == 1
    assert rules(capsys.readouterr().out) == {"LH118", "LH119"}
    (project / "app.py").write_text("import gc\n")
    assert main(["scan"]) == 0
    assert "No findings in 1 file with 2 lines." in capsys.readouterr().out


def test_rules_are_selected_and_ignored(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "app.py", "--select", "LH118,lh101"]) == 1
    assert rules(capsys.readouterr().out) == {"LH118"}
    assert main(["scan", "app.py", "--ignore", "LH118", "--ignore", "LH119"]) == 0


def test_a_rule_that_is_not_there_is_a_mistake(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--select", "LH999"]) == 2
    assert "There is no rule LH999." in capsys.readouterr().err
    assert main(["scan", "--select", "LH101", "--ignore", "LH101"]) == 2
    assert main(["scan", "nothing.py"]) == 2


def test_settings_choose_rules_and_the_command_line_wins(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.leakhunt.scan]\nignore = ["LH118"]\nexclude = ["old"]\n')
    (project / "old").mkdir()
    (project / "old" / "app.py").write_text(SOURCE)
    assert main(["scan"]) == 1
    assert rules(capsys.readouterr().out) == {"LH119"}
    assert main(["scan", "--ignore", "LH119"]) == 1
    assert rules(capsys.readouterr().out) == {"LH118"}


def test_files_are_written_beside_the_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "app.py", "--json", "out.json", "--sarif", "out.sarif"]) == 1
    assert "app.py:2:1: LH118" in capsys.readouterr().out
    assert len(json.loads((project / "out.json").read_text())["findings"]) == 2
    assert len(valid_sarif((project / "out.sarif").read_text())["runs"][0]["results"]) == 2


def test_standard_output_is_for_one_document(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "app.py", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["files"] == 1
    assert main(["scan", "--json", "-", "--sarif", "-"]) == 2
    assert main(["scan", "--sarif", "missing/out.sarif"]) == 2
