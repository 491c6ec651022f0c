"""`leakhunt profile --pid` of a real Celery worker: tasks are its requests, its pool its workers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from integration.command_line import command_line
from integration.visited import family

SHOP: Final = """
import os
from pathlib import Path
from celery import Celery

place = Path(__file__).parent / "broker"
place.mkdir(exist_ok=True)
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(place), "data_folder_out": str(place), "control_folder": str(place)
}
app.conf.task_ignore_result = True
KEPT = []

@app.task
def keep(number):
    KEPT.append(os.urandom(20000))

@app.task
def forget(number):
    return sum(os.urandom(20000))
"""
SENDER: Final = """
import random, time
import shop
# Messages are written beside and moved in: Celery's own reader takes those that are half written, and dies of it.
beside = shop.place.with_name("beside")
beside.mkdir()
shop.app.conf.broker_transport_options |= {"data_folder_out": str(beside)}
chance = random.Random(4)
while True:
    task = chance.choice((shop.keep, shop.forget))
    until = time.monotonic() + chance.uniform(0.5, 1.5)
    pace = chance.choice((0.01, 0.1))
    while time.monotonic() < until:
        task.delay(1)
        for message in beside.iterdir():
            message.rename(shop.place / message.name)
        time.sleep(chance.expovariate(1 / pace))
"""
PATIENCE: Final = 60


@contextlib.contextmanager
def celery(place: Path) -> Iterator[int]:
    """A worker with two processes, and somebody who sends it tasks; yields the pid of its master."""
    (place / "shop.py").write_text(SHOP)
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONWARNINGS": "ignore"}
    words = ("-m", "celery", "-A", "shop", "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle")
    with (place / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, *words, "--without-gossip"], cwd=place, env=environment, stdout=log, stderr=log
        )
    sender = subprocess.Popen([sys.executable, "-c", SENDER], cwd=place, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while "succeeded" not in (place / "worker.log").read_text():
            assert time.monotonic() < deadline, (place / "worker.log").read_text()
            time.sleep(0.1)
        yield worker.pid
    except BaseException:
        told = (place / "worker.log").read_text().splitlines()
        print("\n".join(line for line in told if not line.endswith((" received", ": None"))))
        raise
    finally:
        sender.kill()
        sender.wait()
        worker.terminate()
        worker.wait(PATIENCE)
    assert "Traceback" not in (place / "worker.log").read_text()


def threads(master: int) -> dict[int, int]:
    """Their number in each process, by pid."""
    return {pid: number for pid, (_, number) in family(master).items()}


@pytest.mark.slow
def test_the_task_that_keeps_memory_is_suspected_with_its_holder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with celery(tmp_path / "shop") as master, command_line(tmp_path) as leakhunt:
        children = {child.pid for child in psutil.Process(master).children()}
        assert len(children) == 2
        before = threads(master)
        done = leakhunt.profile("--pid", str(master), "--duration", "40", timeout=300)
        done.has_no_traceback()
        assert threads(master) == before  # descriptors come and go with every message
    assert done.code == 4, done.err + done.out
    routes = {route["route"]: route["verdict"] for route in done.report["routes"]}
    assert routes["TASK shop.keep"] == "SUSPECTED"
    assert routes["TASK shop.forget"] != "SUSPECTED"
    assert done.report["suspects"][0]["path"] == "shop.KEPT[*]"
    assert {row["pid"] for row in done.report["workers"] if row["role"] == "worker"} == children


@pytest.mark.slow
def test_one_process_of_the_pool_means_itself_alone_unless_the_tree_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with celery(tmp_path / "shop") as master, command_line(tmp_path) as leakhunt:
        first, second = sorted(child.pid for child in psutil.Process(master).children())
        alone = leakhunt.profile("--pid", str(first), "--duration", "2", "--record-only", run="alone")
        tree = leakhunt.profile("--pid", str(first), "--tree", "--duration", "2", "--record-only", run="tree")
    assert "nothing is measured" in " ".join(alone.err.split())
    assert f"PID {second}" in alone.err
    assert f"attaching to PID {first}, {second}" in " ".join(tree.err.split())
