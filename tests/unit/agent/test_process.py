from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent import process
from leakhunt.targets import tree
from leakhunt.targets.answers import read_hello

LOADED = (
    "gunicorn.workers",
    "uvicorn.server",
    "hypercorn.app_wrappers",
    "daphne.server",
    "waitress.server",
    "werkzeug.serving",
    "wsgiref.simple_server",
    "uwsgi",
)


def elsewhere(program: str, *arguments: bytes | str, **environment: str) -> Any:
    """What another process says of itself."""
    command = [sys.executable, "-c", f"import json; from leakhunt.agent import process; {program}", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOADED:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_hello_is_what_the_controller_expects() -> None:
    hello = read_hello(process.hello())
    assert (hello.pid, hello.parent) == (os.getpid(), os.getppid())
    assert hello.python == ".".join(map(str, sys.version_info[:3]))
    assert (hello.implementation, hello.executable) == (sys.implementation.name, sys.executable)


def test_the_start_is_the_one_that_the_kernel_tells_others() -> None:
    seen = tree.read_process(os.getpid())
    assert seen is not None
    assert process.started() == seen.started


def test_a_name_with_brackets_and_blanks_does_not_garble_the_start() -> None:
    rename = "open('/proc/self/comm', 'w').write(') R 1 (2 3'); print(json.dumps([process.started()]))"
    (renamed,) = elsewhere(rename)
    assert renamed > process.started()


def test_the_command_line_is_read_word_by_word() -> None:
    words = elsewhere("print(json.dumps(process.command_line()))", "a b", "", b"caf\xe9")
    assert words[-3:] == ["a b", "", "caf\udce9"]
    assert words[1] == "-c"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("gunicorn -w 3 shop.wsgi", "gunicorn"),
        ("/srv/.venv/bin/python -m gunicorn shop.wsgi", "gunicorn"),
        ("gunicorn: worker [shop.wsgi]", "gunicorn"),
        ("python /usr/bin/waitress-serve shop:app", "waitress"),
        ("python -m uvicorn shop:app", "uvicorn"),
        ("hypercorn shop:app", "hypercorn"),
        ("daphne -p 8000 shop.asgi:application", "daphne"),
        ("pyuwsgi --module shop", "uwsgi"),
        ("python manage.py runserver", "runserver"),
        ("python -m flask run", "flask"),
        ("celery -A shop worker", "celery"),
        ("/srv/gunicorn-sites/bin/python serve.py", None),
        ("python -W error -X dev serve.py gunicorn", None),
        ("", None),
    ],
)
def test_a_server_is_known_by_its_command(nothing_loaded: None, command: str, name: str | None) -> None:
    assert process.server(command.split()) == name


def test_a_server_that_the_program_brings_itself_is_known_by_what_is_loaded(
    nothing_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "waitress.server", sys)
    assert process.server(["python", "serve.py"]) == "waitress"
    assert process.server(["python", "-m", "gunicorn"]) == "gunicorn"


def test_this_is_not_uwsgi() -> None:
    assert not process.is_uwsgi()


@pytest.mark.parametrize(
    ("command", "served"),
    [
        ("uwsgi --http :8000 --module shop.wsgi", ("shop.wsgi", "application")),
        ("uwsgi -w shop.wsgi:app", ("shop.wsgi", "app")),
        ("uwsgi --module=shop.wsgi:app --master", ("shop.wsgi", "app")),
        ("uwsgi --wsgi shop --callable make_app", ("shop", "make_app")),
        ("uwsgi --callable=app --module shop", ("shop", "app")),
        ("uwsgi --wsgi-file shop.py --callable app", None),
        ("uwsgi shop.ini", None),
        ("uwsgi --callable", None),
    ],
)
def test_uwsgi_says_what_it_serves(command: str, served: tuple[str, str] | None) -> None:
    assert process.uwsgi_callable(command.split()) == served


def test_temporary_files_go_where_tempfile_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert process.temp_dir() == tempfile.gettempdir() == str(tmp_path)


@pytest.mark.parametrize("chosen", [("TMPDIR",), ("TEMP",), ("TMP",), ("TMPDIR", "TMP")])
def test_before_tempfile_is_asked_the_environment_decides_as_it_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: tuple[str, ...]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    for name in chosen:
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    assert process.temp_dir() == tempfile.gettempdir() == str(tmp_path / chosen[0])


def test_a_directory_that_is_not_there_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    assert process.temp_dir() == "/tmp"
    monkeypatch.setenv("TMP", str(tmp_path))
    assert process.temp_dir() == str(tmp_path)
