from __future__ import annotations

import sys

import pytest

from leakhunt.agent.spawn import Spawning, same_program, with_boot

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spawning, "directory", "/boot")
    monkeypatch.setattr(Spawning, "command", (PYTHON, "manage.py", "runserver", "8000"))
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver", "8000"])


@pytest.mark.parametrize(
    ("command", "same"),
    [
        ([PYTHON, "manage.py", "runserver", "8000"], True),
        ([PYTHON, "-W", "ignore", "manage.py", "runserver", "8000"], True),
        ([PYTHON, "-c", "from multiprocessing.spawn import spawn_main", "--multiprocessing-fork"], True),
        ([PYTHON, "manage.py", "migrate"], False),
        ([PYTHON, "other.py", "runserver", "8000"], False),
        ([PYTHON, "-c", "pass"], False),
        (["ffmpeg", "-i", "x.mp4"], False),
        ([], False),
    ],
)
def test_only_the_same_program_again_belongs_to_the_server(command: list[str], same: bool) -> None:
    assert same_program(command) is same


def test_a_module_run_again_is_the_same_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spawning, "command", (PYTHON, "-m", "flask", "run"))
    monkeypatch.setattr(sys, "argv", ["/lib/flask/__main__.py", "run"])
    assert same_program([PYTHON, "-X", "dev", "-m", "flask", "run"])
    assert not same_program([PYTHON, "-m", "pip", "run"])


def test_the_boot_directory_comes_first_and_the_given_environment_is_not_touched() -> None:
    given = {"A": "1", "PYTHONPATH": "/own"}
    assert with_boot(given) == {"A": "1", "PYTHONPATH": "/boot:/own"}
    assert given["PYTHONPATH"] == "/own"
    assert with_boot({b"A": b"1"}) == {b"A": b"1", b"PYTHONPATH": b"/boot"}
    assert with_boot({"PYTHONPATH": ""}) == {"PYTHONPATH": "/boot:"}
