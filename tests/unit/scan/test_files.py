"""Which files are looked at, and which are somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.scan.files import python_files


def tree(top: Path, *files: str) -> Path:
    for file in files:
        path = top / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return top


def found(top: Path, *exclude: str) -> list[str]:
    return [path.relative_to(top).as_posix() for path in python_files([top], exclude)]


def test_what_others_wrote_and_what_tests_run_is_skipped(tmp_path: Path) -> None:
    ours = ("app/views.py", "manage.py")
    others = (
        *(".venv/a.py", "node_modules/a.py", "lib/site-packages/a.py", "build/a.py", "x.egg-info/a.py"),
        *("tests/a.py", "app/test_views.py", "app/tests.py", "conftest.py", "app/migrations/0001.py", "notes.txt"),
    )
    assert set(found(tree(tmp_path, *ours, *others))) == {*ours}


def test_a_virtual_environment_is_known_by_its_configuration(tmp_path: Path) -> None:
    assert found(tree(tmp_path, "python311/pyvenv.cfg", "python311/lib/a.py", "app.py")) == ["app.py"]


def test_patterns_are_about_names_or_about_paths(tmp_path: Path) -> None:
    tree(tmp_path, "app/generated/a.py", "app/views.py", "app/views_old.py", "other/views.py")
    assert found(tmp_path, "generated", "*_old.py") == ["app/views.py", "other/views.py"]
    assert found(tmp_path, "other/*", "app/generated/") == ["app/views.py", "app/views_old.py"]


def test_what_is_named_itself_is_always_there_and_only_once(tmp_path: Path) -> None:
    tree(tmp_path, "tests/test_a.py")
    file = tmp_path / "tests" / "test_a.py"
    assert list(python_files([file, file])) == [file]


def test_a_path_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        list(python_files([tmp_path / "nothing"]))
