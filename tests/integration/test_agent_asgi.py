"""The agent in launched servers of ASGI apps: they are counted where their framework is entered."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import pytest

from leakhunt.agent.bundle import write_boot
from leakhunt.targets.hub import AgentHub
from live_server import DJANGO, FASTAPI, STARLETTE, live_server, python

UVICORN = ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning")
WORKER = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "-k", "uvicorn.workers.UvicornWorker")


@pytest.mark.parametrize(
    ("command", "source", "route"),
    [
        ((*UVICORN, "site_app:app"), STARLETTE, "GET /items/{number}"),
        ((*UVICORN, "site_app:asgi"), DJANGO, "GET /items/<int:number>"),
        pytest.param((*WORKER, "site_app:app"), STARLETTE, "GET /items/{number}", marks=pytest.mark.slow),
        pytest.param((*WORKER, "site_app:app"), FASTAPI, "GET /items/{number}", marks=pytest.mark.slow),
    ],
    ids=["starlette", "django", "gunicorn-starlette", "gunicorn-fastapi"],
)
def test_its_requests_are_counted_by_route(command: tuple[str, ...], source: str, route: str, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    with (
        AgentHub(tmp_path / "agent.sock") as hub,
        live_server(python(*command), source, tmp_path / "place", boot=tmp_path / "boot") as (port, _),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for number in range(3):
            connection.request("GET", f"/items/{number}")
            assert connection.getresponse().read() == b"ok"
        connection.close()
        link = hub.links()[-1]
        deadline = time.monotonic() + 10
        while link.stats().in_flight:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        stats = link.stats()
        # The server's first request found out that it answers.
        assert (stats.hooked, stats.served, stats.problems) == (True, {route: 4}, ())
