"""`leakhunt init` on projects of its own making."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import ROOT
from leakhunt.cli.main import main
from leakhunt.project.settings import find_settings

EXAMPLES = ROOT / "examples"


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLES / "flask_gallery" / "gallery.py", tmp_path)
    return tmp_path


def test_the_app_and_its_upload_route_are_written_down(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(gallery)]) == 0
    settings = find_settings(gallery)
    assert settings is not None
    assert settings.target == "gallery:app"
    assert settings.workload is not None
    assert [step.path for step in settings.workload.steps] == ["/albums/1/photos"]
    assert "written for gallery:app" in capsys.readouterr().out


def test_settings_that_are_there_are_kept(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (gallery / "pyproject.toml").write_text("[tool.leakhunt]\nseed = 3\n")
    assert main(["init", str(gallery)]) == 2
    assert "has settings already" in capsys.readouterr().err
    assert not (gallery / "leakhunt.toml").exists()


def test_what_would_be_written_can_be_printed(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(gallery), "--print"]) == 0
    assert 'target = "gallery:app"' in capsys.readouterr().out
    assert not (gallery / "leakhunt.toml").exists()


def test_of_several_apps_one_is_chosen_and_the_others_are_told(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(gallery / "gallery.py", gallery / "other.py")
    assert main(["init", str(gallery), "--app", "other:app"]) == 0
    captured = capsys.readouterr()
    assert "written for other:app" in captured.out
    assert "There are other apps: gallery:app" in captured.err


def test_a_directory_without_an_app_gets_a_file_to_fill_in(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.target is None


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "no")]) == 2
