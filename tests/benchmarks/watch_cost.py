"""What `leakhunt watch --types` costs a busy gunicorn: throughput and latency watched and bare, and bare again.

Usage: `python tests/benchmarks/watch_cost.py [--pairs N] [--seconds S] [--app hello|courseware]`. Each pair has a
server of its own with one sync worker on a core of its own, and is measured three times in an order that changes from
pair to pair: bare, watched, and bare once more as the control. The clients, and leakhunt, have another core. Looks into
the heap are as far apart as a measurement is long, so that one falls into each: more often than in use, where they are
30 s apart at least and take one hundredth of a core at most. The attach lies before it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from leakhunt.targets.ports import listeners

PAIRS = 15
SECONDS = 20.0
CLIENTS = 2
WARM_UP = 2.0
COURSEWARE = Path(__file__).parents[2] / "examples" / "courseware"
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
APPS = {
    "hello": ("WSGI app that returns 2 bytes", "hello:application", "/"),
    "courseware": ("courseware, course page", "courseware.wsgi:application", "/courses/1/"),
}
SIGN_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.get(username="teacher"))
print(client.cookies["sessionid"].value)
"""
PHASES = ("bare", "watched", "control")


@dataclass(frozen=True)
class Measured:
    """One phase of one pair."""

    throughput: float
    """Requests per second."""
    slow: float
    """Seconds that one request in a hundred takes longer than."""
    used: float
    """Seconds of processor time for a request, of the worker and its snapshot children."""


def main() -> None:
    """Print a Markdown table with two rows per app."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--app", choices=APPS, action="append")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("this takes two cores: one for the server, one for the clients")
    os.sched_setaffinity(0, {cores[-1]})  # of leakhunt, too, which inherits it
    print("| app | against bare | requests/s | ratio (95 % interval) | p99 | ratio (95 % interval) | processor time |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory:
        for key in given.app or APPS:
            name, app, path = APPS[key]
            with prepared(key, Path(directory)) as (cwd, environment, cookie):
                request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}Connection: close\r\n\r\n".encode()
                pairs = [
                    measure_pair(app, request, cwd, environment, cores[0], number, given.seconds)
                    for number in range(given.pairs)
                ]
            for phase in PHASES[1:]:
                print_row(name, phase, pairs)


@contextmanager
def prepared(key: str, directory: Path) -> Iterator[tuple[Path, Mapping[str, str], str]]:
    """Where the app lies, its environment, and the header of somebody who is signed in."""
    if key == "hello":
        (directory / "hello.py").write_text(HELLO)
        yield directory, os.environ, ""
        return
    environment = {**os.environ, "COURSEWARE_DATA": f"{directory}/data", "COURSEWARE_VARIANT": "fixed"}

    def manage(*words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=COURSEWARE, env=environment, check=True, capture_output=True, text=True
        ).stdout

    manage("migrate")
    manage("seed_courses")
    yield COURSEWARE, environment, f"Cookie: sessionid={manage('shell', '-c', SIGN_IN).split()[-1]}\r\n"


def measure_pair(
    app: str, request: bytes, cwd: Path, environment: Mapping[str, str], core: int, number: int, seconds: float
) -> Mapping[str, Measured]:
    """The three phases on one server, in the order that is this pair's turn."""
    orders = list(permutations(PHASES))
    with serving(app, cwd, environment, core) as (pid, worker, port):
        load(port, worker, request, WARM_UP)
        found = {}
        for phase in orders[number % len(orders)]:
            if phase == "watched":
                with watching(pid, seconds):
                    found[phase] = load(port, worker, request, seconds)
            else:
                found[phase] = load(port, worker, request, seconds)
    print(f"pair {number + 1}: {found}", file=sys.stderr, flush=True)
    return found


@contextmanager
def serving(app: str, cwd: Path, environment: Mapping[str, str], core: int) -> Iterator[tuple[int, int, int]]:
    """Pids of the master and of the worker, and the port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--no-control-socket", "--workers", "1", "--bind", "127.0.0.1:0", app],
        cwd=cwd,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.sched_setaffinity(server.pid, {core})
    try:
        deadline = time.monotonic() + 30
        while not (workers := psutil.Process(server.pid).children()) or not listeners((server.pid,)):
            if time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.1)
        for process in (server.pid, *(worker.pid for worker in workers)):
            os.sched_setaffinity(process, {core})
        yield server.pid, workers[0].pid, next(int(each.port) for each in listeners((server.pid,)) if each.port)
    finally:
        server.terminate()
        server.wait()


@contextmanager
def watching(pid: int, every: float) -> Iterator[None]:
    """`leakhunt watch --types` from its first look on; afterwards it is checked that it has done what it should."""
    program = (
        "import sys; from leakhunt.cli import main, watch; from leakhunt.hunt import insight;"
        f"watch.EVERY = {every}; insight.SHARE = 1.0; main.main(sys.argv[1:])"
    )
    with tempfile.NamedTemporaryFile("w+") as out:
        watch = subprocess.Popen([sys.executable, "-c", program, "watch", str(pid), "--types", "--json"], stdout=out)
        try:
            while (first := last_reading(out.name)) is None or not first["attached"]["looks"]:
                if watch.poll() is not None:
                    raise SystemExit("leakhunt has ended")
                time.sleep(0.05)
            time.sleep(every / 2)  # so that the next look falls into the middle of what is measured
            yield
        finally:
            watch.send_signal(signal.SIGTERM)
            watch.wait()
        last = last_reading(out.name)
    assert last is not None
    looks = last["attached"]["looks"] - first["attached"]["looks"]
    counted = sum((process["requests"] or 0) for process in last["processes"])
    if not (last["attached"]["processes"] == 1 and looks and counted):
        raise SystemExit(f"it was not watched as it should be: {looks} looks, {counted} requests, {last['notes']}")


def last_reading(file: str) -> Any:
    """The last whole line that leakhunt has written."""
    lines = Path(file).read_text().split("\n")
    return json.loads(lines[-2]) if len(lines) > 1 else None


def load(port: int, worker: int, request: bytes, seconds: float) -> Measured:
    """Have some clients ask all the time, each over a connection for every request, as the worker wants it."""
    poll = select.epoll()
    clients: dict[int, tuple[socket.socket, float, list[bytes]]] = {}
    took: list[float] = []

    def ask() -> None:
        began = time.perf_counter()
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(request)
        clients[client.fileno()] = client, began, []
        poll.register(client.fileno(), select.EPOLLIN)

    before, began = cpu_of(worker), time.perf_counter()
    for _ in range(CLIENTS):
        ask()
    while clients:
        for descriptor, _ in poll.poll():
            client, asked, parts = clients[descriptor]
            if part := client.recv(1 << 16):
                parts.append(part)
                continue
            now = time.perf_counter()
            if not parts or not parts[0].startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"a request failed: {b''.join(parts)[:200]!r}")
            took.append(now - asked)
            del clients[descriptor]
            client.close()
            if now - began < seconds:
                ask()
    elapsed = time.perf_counter() - began
    poll.close()
    took.sort()
    return Measured(len(took) / elapsed, took[int(len(took) * 0.99)], (cpu_of(worker) - before) / len(took))


def cpu_of(pid: int) -> float:
    """Processor time of a process and of those children that have ended."""
    return sum(psutil.Process(pid).cpu_times()[:4])


def print_row(name: str, phase: str, pairs: list[Mapping[str, Measured]]) -> None:
    """The medians of one phase, and of its ratios to the bare one."""
    fast = [pair[phase].throughput / pair["bare"].throughput for pair in pairs]
    slow = [pair[phase].slow / pair["bare"].slow for pair in pairs]
    used = [pair[phase].used / pair["bare"].used for pair in pairs]
    rate, late = (median(getattr(pair[phase], what) for pair in pairs) for what in ("throughput", "slow"))
    shown = "bare (control)" if phase == "control" else phase
    print(
        f"| {name} | {shown} | {rate:.0f} | {with_interval(fast)} | {late * 1e3:.2f} ms | {with_interval(slow)} "
        f"| {with_interval(used)} |",
        flush=True,
    )


def with_interval(ratios: list[float]) -> str:
    """Median, and its interval by order statistics, whose ranks are n/2 -+ 0.98 sqrt(n) for 95 %."""
    ranked, reach = sorted(ratios), round(0.98 * len(ratios) ** 0.5)
    low, high = ranked[max(0, len(ranked) // 2 - reach)], ranked[min(len(ranked) - 1, len(ranked) // 2 + reach)]
    return f"{median(ranked):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
