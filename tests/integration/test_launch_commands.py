"""Commands of the user's own: each server as people start it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leakhunt.model.run import Role
from leakhunt.targets.launch import LaunchedTarget, LaunchSpec

BIN = Path(sys.executable).parent
SITE = """
import time
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "pages.py").write_text(SITE)
    return tmp_path


@pytest.fixture(scope="session")
def uwsgi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("uwsgi")
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    subprocess.run([str(directory / "bin" / "pip"), "install", "--quiet", "pyuwsgi"], check=True)
    return directory / "bin" / "uwsgi"


def roles_once_ready(site: Path, *command: str, url: str | None = None, at_once: int = 1) -> list[tuple[str, Role]]:
    """Start it, ask it for a page, or for several at once, stop it; who was there."""
    began = time.monotonic()
    spec = LaunchSpec(
        command=command,
        cwd=site,
        env={},
        url=url,
        ready_path="/",
        ready_timeout=30,
        headers={},
        setup=(),
        companions=(),
        allow_hosts=(),
        workload_env={},
        python=sys.executable,
    )
    target = LaunchedTarget(spec, clock=lambda: time.monotonic() - began)
    try:
        target.start()
        with ThreadPoolExecutor(at_once) as clients:
            assert list(clients.map(ask, [target.address.base_url] * at_once)) == [200] * at_once
        time.sleep(0.6)
        return [(worker.name, worker.role) for worker in target.workers()]
    finally:
        target.stop()
        assert not target.launch_dir.exists()


def ask(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def test_waitress_serve(site: Path) -> None:
    found = roles_once_ready(site, str(BIN / "waitress-serve"), "--listen=127.0.0.1:0", "pages:application")
    assert found == [("waitress worker 1", Role.WORKER)]


def test_gunicorn_with_several_workers(site: Path) -> None:
    found = roles_once_ready(site, str(BIN / "gunicorn"), "-b", "127.0.0.1:0", "-w", "2", "pages:application")
    assert found == [
        ("gunicorn master", Role.MASTER),
        ("gunicorn worker 1", Role.WORKER),
        ("gunicorn worker 2", Role.WORKER),
    ]


def test_a_shell_that_starts_a_server(site: Path) -> None:
    line = f"{BIN / 'gunicorn'} -b 127.0.0.1:0 pages:application 2>&1 | cat"
    assert sorted(roles_once_ready(site, "sh", "-c", line)) == [
        ("cat", Role.OTHER),
        ("gunicorn master", Role.MASTER),
        ("gunicorn worker 1", Role.WORKER),
        ("sh", Role.OTHER),
    ]


def test_a_server_that_makes_itself_a_daemon_is_still_stopped(site: Path) -> None:
    command = [str(BIN / "gunicorn"), "-b", "127.0.0.1:0", "--daemon", "pages:application"]
    found = roles_once_ready(site, *command)
    assert ("gunicorn worker 1", Role.WORKER) in found


def test_django_runserver_with_its_reloader(site: Path) -> None:
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(site)], check=True)
    found = roles_once_ready(site, sys.executable, "manage.py", "runserver", "127.0.0.1:0")
    assert found == [("runserver master", Role.MASTER), ("runserver worker 1", Role.WORKER)]


@pytest.mark.slow
def test_uwsgi_with_a_master_and_two_workers(site: Path, uwsgi: Path) -> None:
    """It forks in C, where nothing can follow: each of its workers is known from its first request on."""
    (site / "pages.py").write_text(SITE.replace("    start_response", "    time.sleep(0.5)\n    start_response"))
    options = ["--http-socket", "127.0.0.1:0", "--module", "pages:application", "--master", "--processes", "2"]
    # Each of them takes so long that one worker cannot have answered both.
    assert roles_once_ready(site, str(uwsgi), *options, at_once=2) == [
        ("uwsgi master", Role.MASTER),
        ("uwsgi worker 1", Role.WORKER),
        ("uwsgi worker 2", Role.WORKER),
    ]
