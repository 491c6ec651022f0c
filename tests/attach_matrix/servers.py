"""The servers, what has to be installed for each, and where that is not to be had."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pip

from live_server import BARE, DJANGO, FLASK

FLASK_ROUTE: Final = "/items/<int:number>"
BARE_ROUTE: Final = "/items/{n}"
PLAIN: Final = ("gunicorn", "waitress", "flask", "django", "packaging")


@dataclass(frozen=True)
class Server:
    """How an app is served. `{python}` and `{port}` are replaced."""

    needs: tuple[str, ...]
    """Wheels."""
    words: tuple[str, ...]
    source: str
    route: str
    depth: int = 0
    """How far below the process that is started the one is that serves."""


def _gunicorn(*words: str) -> tuple[str, ...]:
    return ("{python}", "-m", "gunicorn", "--bind", "127.0.0.1:{port}", *words, "site_app:app")


def _script(text: str) -> tuple[str, ...]:
    return ("{python}", "-c", text)


_WERKZEUG: Final = """
from site_app import app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", {port}, app, threaded=True)
"""
_WSGIREF: Final = """
from site_app import app
from wsgiref.simple_server import make_server
make_server("127.0.0.1", {port}, app).serve_forever()
"""
_UWSGI: Final = """
import sys, pyuwsgi
sys.argv[0] = "uwsgi"
pyuwsgi.run()
"""
_UWSGI_WORDS: Final = (
    *("--http-socket", "127.0.0.1:{port}", "--enable-threads", "--die-on-term"),
    *("--add-header", "Connection: close", "--module", "site_app:app"),
)
SERVERS: Final[Mapping[str, Server]] = {
    "gunicorn sync": Server(PLAIN, _gunicorn(), FLASK, FLASK_ROUTE, 1),
    "gunicorn gthread": Server(PLAIN, _gunicorn("--threads", "4"), FLASK, FLASK_ROUTE, 1),
    "gunicorn gevent": Server((*PLAIN, "gevent"), _gunicorn("-k", "gevent"), FLASK, FLASK_ROUTE, 1),
    "waitress": Server(
        PLAIN, ("{python}", "-m", "waitress", "--listen", "127.0.0.1:{port}", "site_app:app"), FLASK, FLASK_ROUTE
    ),
    "werkzeug": Server(PLAIN, _script(_WERKZEUG), FLASK, FLASK_ROUTE),
    "runserver": Server(PLAIN, ("{python}", "site_app.py", "runserver", "127.0.0.1:{port}"), DJANGO, FLASK_ROUTE, 1),
    "wsgiref": Server((), _script(_WSGIREF), BARE, BARE_ROUTE),
    "uvicorn, uvloop, WSGI": Server(
        ("uvicorn", "uvloop", "a2wsgi", "flask"),
        (
            *("{python}", "-m", "uvicorn", "--port", "{port}", "--loop", "uvloop", "--interface", "wsgi"),
            *("--log-level", "warning", "site_app:app"),
        ),
        FLASK,
        FLASK_ROUTE,
    ),
    "uWSGI": Server(("pyuwsgi",), (*_script(_UWSGI), *_UWSGI_WORDS), BARE, BARE_ROUTE),
    "uWSGI, master": Server(
        ("pyuwsgi",), (*_script(_UWSGI), *_UWSGI_WORDS, "--master", "-p", "1"), BARE, BARE_ROUTE, 1
    ),
}


class NoWheel(Exception):
    """There is nothing to install for this interpreter; the text says what."""


def install(needs: tuple[str, ...], version: str, python: Path, cache: Path) -> Path:
    """The directory with these packages for an interpreter, filled once. Raises NoWheel.

    No package is built: what has no wheel is not to be had on a machine without a compiler.
    """
    place = cache / version / ("-".join(sorted(need.partition("<")[0] for need in needs)) or "nothing")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        if needs:
            _download(needs, python, place)
        else:
            place.mkdir()
    return place


def _download(needs: tuple[str, ...], python: Path, place: Path) -> None:
    half = place.with_name(f"{place.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    command = (
        *(str(python), *_pip(python), "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"),
        *("--no-compile", "--target", str(half), "--only-binary", ":all:", *needs),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        missing = [line for line in done.stderr.splitlines() if "No matching distribution" in line]
        if not missing:
            raise OSError(f"pip failed: {done.stderr[-2000:]}")
        raise NoWheel(missing[0].removeprefix("ERROR: "))
    half.rename(place)


def _pip(python: Path) -> tuple[str, ...]:
    """Its own, which suits old interpreters; or ours, which runs on those that come without one."""
    own = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    return ("-m", "pip") if own.returncode == 0 else (str(Path(pip.__file__).parent),)
