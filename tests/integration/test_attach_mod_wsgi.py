"""Apache with mod_wsgi: `make mod-wsgi` installs both (Debian's)."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from integration.command_line import command_line

APP: Final = """
import os
KEPT = []
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        KEPT.append(os.urandom(20000))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
CONFIGURATION: Final = """
ServerRoot {place}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {place}/pid
ErrorLog {place}/error_log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
{user}
WSGISocketPrefix {place}/wsgi
WSGIDaemonProcess site processes=2 threads=2
WSGIProcessGroup site
WSGIRestrictEmbedded On
{group}
WSGIScriptAlias / {place}/app.py
<Directory {place}>
Require all granted
</Directory>
"""
MAIN: Final = "WSGIApplicationGroup %{GLOBAL}"
PATIENCE: Final = 30


@contextlib.contextmanager
def apache(group: str) -> Iterator[tuple[int, int]]:
    """Pid of Apache's first process, and its port."""
    program = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("There is no Apache here; `make mod-wsgi` installs it.")
    place = Path(tempfile.mkdtemp(prefix="leakhunt-tests-apache-"))
    place.chmod(0o755)  # its workers belong to another user
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = int(reserved.getsockname()[1])
    user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    (place / "app.py").write_text(APP)
    (place / "site.conf").write_text(CONFIGURATION.format(place=place, port=port, user=user, group=group))
    server = subprocess.Popen([program, "-f", str(place / "site.conf"), "-DFOREGROUND"])
    try:
        deadline = time.monotonic() + PATIENCE
        while not ask(port, "/items/1"):
            assert server.poll() is None, (place / "error_log").read_text()
            assert time.monotonic() < deadline, (place / "error_log").read_text()
            time.sleep(0.1)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait(PATIENCE)
        shutil.rmtree(place)


def threads_below(pid: int) -> dict[int, int]:
    """Number of threads, by pid, of the processes that a process has started."""
    return {child.pid: child.num_threads() for child in psutil.Process(pid).children()}


def ask(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read() == b"ok"
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.slow
def test_a_leak_in_its_daemons_is_found_with_its_holder(tmp_path: Path) -> None:
    with apache(MAIN) as (pid, port), command_line(tmp_path) as leakhunt:
        before = threads_below(pid)
        done = leakhunt.profile("--pid", str(pid), "--request", "GET /leak", "--request", "GET /items/{n}", timeout=300)
        done.has_no_traceback()
        assert ask(port, "/items/2")
        assert threads_below(pid).items() >= before.items()  # Apache may have started more of its own
    assert done.code == 1, done.err + done.out
    routes = {route["route"]: route["verdict"] for route in done.report["routes"]}
    assert routes == {"GET /leak": "LEAK", "GET /items/{n}": "CLEAN"}
    suspect = done.report["suspects"][0]
    assert suspect["path"].startswith("_mod_wsgi_")
    assert suspect["path"].endswith(".KEPT[*]")
    assert f"http://127.0.0.1:{port}" in done.err.replace("\n", "")


@pytest.mark.slow
def test_an_app_in_a_subinterpreter_is_told_with_the_remedy(tmp_path: Path) -> None:
    with apache("") as (pid, _), command_line(tmp_path) as leakhunt:
        time.sleep(1)  # a process that was just forked is not looked at yet
        done = leakhunt("watch", str(pid), "--types", "--once")
    done.has_no_traceback()
    assert "WSGIApplicationGroup %{GLOBAL}" in " ".join(done.out.split())
