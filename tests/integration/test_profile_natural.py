"""`leakhunt profile --pid` without a workload: servers under traffic of their own, looked at and left as they were."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from integration.command_line import CommandLine, Done
from integration.visited import MOST_MEMORY, TWO_WORKERS, at_rest, is_as_before, peak, visitors
from live_server import live_server

SITE: Final = """
import os
from flask import Flask, request
app = Flask(__name__)
KEPT = []

@app.get("/leak")
def leak():
    KEPT.append(os.urandom(20000))
    return "kept"

@app.get("/items/<int:number>")
def item(number):
    return str(number)
"""


def test_the_leaking_route_is_suspected_with_its_holder_and_the_other_is_not(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, SITE, site) as (port, master):
        before = at_rest(master)
        with visitors(port, "/leak", "/items/{n}"):
            done = leakhunt.profile("--pid", str(master), "--duration", "20", timeout=300)
        done.has_no_traceback()
        is_as_before(master, before)
    assert done.code == 4, done.err + done.out
    routes = {route["route"]: route for route in done.report["routes"]}
    assert routes["GET /leak"]["verdict"] == "SUSPECTED"
    assert routes["GET /items/<int:number>"]["verdict"] != "SUSPECTED"
    low, high = routes["GET /leak"]["bytes_per_request_interval"]
    assert low < 20_033 < high
    suspect = done.report["suspects"][0]
    assert (suspect["route"], suspect["path"]) == ("GET /leak", "site_app.KEPT[*]")
    assert done.report["next_command"] == f"leakhunt profile --pid {master} --request 'GET /leak'"
    assert "Nothing is sent to it." in " ".join(done.err.split())


def test_it_records_without_judging_and_stays_small(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, SITE, site) as (port, master), visitors(port, "/items/{n}"):
        done = leakhunt.profile("--pid", str(master), "--duration", "3", "--record-only", run="run")
        assert done.code == 0, done.err + done.out
        assert f"Recorded: {done.run}" in done.out
        assert [file.name for file in done.run.iterdir()] == ["run.sqlite"]
        with leakhunt.started("--pid", str(master), "--duration", "600", run="long") as process:
            wait_for(process, "looking on at its own traffic")
            time.sleep(2)
            assert peak(process.pid) < MOST_MEMORY
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
    shown = leakhunt("report", str(done.run))
    assert shown.code == 0
    assert shown.out.startswith("INCONCLUSIVE  ")
    assert "there were 6 readings, and it takes 20: look on for longer" in shown.out


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    while text not in (line := process.stderr.readline()):
        assert line, "it has ended"


@pytest.mark.slow
def test_workers_that_are_recycled_are_followed(leakhunt: CommandLine, site: Path) -> None:
    command = (*TWO_WORKERS[:3], "--max-requests", "150", *TWO_WORKERS[3:])
    with live_server(command, SITE, site) as (port, master), visitors(port, "/leak", "/items/{n}"):
        done = leakhunt.profile("--pid", str(master), "--duration", "40")
    done.has_no_traceback()
    workers = [row for row in done.report["workers"] if row["role"] == "worker"]
    assert len(workers) > 2
    assert done.report["judgement"]["verdict"] in {"SUSPECTED", "NOT_SEEN"}
    assert not [
        route for route in done.report["routes"] if "items" in route["route"] and route["verdict"] == "SUSPECTED"
    ]


@pytest.mark.slow
def test_a_kill_leaves_the_app_as_it_was(leakhunt: CommandLine, site: Path) -> None:
    with live_server(TWO_WORKERS, SITE, site) as (_, master):
        before = at_rest(master)
        with leakhunt.started("--pid", str(master), run="killed") as process:
            wait_for(process, "looking on at its own traffic")
            process.kill()
            process.wait()
        is_as_before(master, before)
        shown: Done = leakhunt("report", str(leakhunt.output / "killed"))
        assert shown.code == 0
