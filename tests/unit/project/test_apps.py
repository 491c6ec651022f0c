"""Apps are found in source that is never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.project.apps import FoundApp, find_apps


def write(directory: Path, name: str, text: str) -> None:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def targets(directory: Path) -> list[str]:
    return [app.target for app in find_apps(directory)]


def test_a_django_site_is_found_by_its_wsgi_module(tmp_path: Path) -> None:
    wsgi = "from django.core.wsgi import get_wsgi_application\nraise SystemExit\napplication = get_wsgi_application()\n"
    write(tmp_path, "site/wsgi.py", wsgi)
    assert find_apps(tmp_path) == (FoundApp("Django", "site.wsgi:application", "site/wsgi.py"),)


@pytest.mark.parametrize(
    ("text", "framework", "asgi"),
    [
        ("from flask import Flask\napp = Flask(__name__)\n", "Flask", False),
        ("import flask\napp: flask.Flask = flask.Flask('x')\n", "Flask", False),
        ("from fastapi import FastAPI\napp = FastAPI()\n", "FastAPI", True),
        ("from starlette.applications import Starlette\napp = Starlette(routes=[])\n", "Starlette", True),
    ],
)
def test_an_app_that_a_module_makes_is_found(text: str, framework: str, asgi: bool, tmp_path: Path) -> None:
    write(tmp_path, "shop/__init__.py", text)
    (app,) = find_apps(tmp_path)
    assert (app.framework, app.target, app.is_asgi) == (framework, "shop:app", asgi)


def test_django_comes_first_and_then_what_lies_nearest(tmp_path: Path) -> None:
    write(tmp_path, "a/b/deep.py", "app = Flask(__name__)\n")
    write(tmp_path, "near.py", "app = Flask(__name__)\n")
    write(tmp_path, "site/wsgi.py", "application = get_wsgi_application()\n")
    assert targets(tmp_path) == ["site.wsgi:application", "near:app", "a.b.deep:app"]


def test_what_belongs_to_others_or_to_tests_is_passed_over(tmp_path: Path) -> None:
    app = "app = Flask(__name__)\n"
    for name in (".venv/x.py", "node_modules/x.py", "tests/x.py", "test_app.py", "env/lib/x.py"):
        write(tmp_path, name, app)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert targets(tmp_path) == []


def test_apps_made_inside_functions_and_broken_files_are_none(tmp_path: Path) -> None:
    write(tmp_path, "factory.py", "def create_app():\n    app = Flask(__name__)\n    return app\n")
    write(tmp_path, "broken.py", "app = Flask(\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\napp = Flask(__name__)\n")
    assert targets(tmp_path) == []
