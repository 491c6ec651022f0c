"""Requests per second with and without the agent: two servers of the same app, loaded in turn, pair by pair."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psutil

from leakhunt.agent.bundle import write_boot
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.launch_dir import LaunchDir
from leakhunt.targets.ports import listeners

PAIRS = 40
SECONDS = 0.5
COURSEWARE = Path(__file__).parents[2] / "examples" / "courseware"
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


def main() -> None:
    """Print a Markdown table with one row per app."""
    print("| app | requests/s without | requests/s with | with / without, median | 95 % interval of the median |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory:
        (Path(directory) / "hello.py").write_text(HELLO)
        env = {**os.environ, "COURSEWARE_DATA": f"{directory}/data", "COURSEWARE_VARIANT": "fixed"}
        for command in ("migrate", "seed_courses"):
            subprocess.run(
                [sys.executable, "manage.py", command], cwd=COURSEWARE, env=env, check=True, capture_output=True
            )
        _compare("WSGI app that returns 2 bytes", "hello:application", Path(directory), "/", env, Path(directory))
        _compare(
            "courseware, course page", "courseware.wsgi:application", COURSEWARE, "/courses/1/", env, Path(directory)
        )


def _compare(name: str, app: str, cwd: Path, path: str, env: dict[str, str], directory: Path) -> None:
    with ExitStack() as stack:
        launch = LaunchDir.make()
        stack.callback(shutil.rmtree, launch.path)
        write_boot(launch.boot, launch.socket)
        hub = stack.enter_context(AgentHub(launch.socket))
        ports = []
        for environment in (env, launch.with_boot(env)):
            server = _serve(app, cwd, environment)
            stack.callback(_stop, server)
            ports.append(_port(server))
        for port in ports:
            _rate(port, path)
        if not any(link.stats().hooked for link in hub.links()):
            raise SystemExit("the agent did not find the app; nothing to compare")
        pairs = [(_rate(ports[0], path), _rate(ports[1], path)) for _ in range(PAIRS)]
    ratios = sorted(after / before for before, after in pairs)
    # Order statistics around the median: their ranks are n/2 -+ 0.98 sqrt(n) for a 95 % interval.
    reach = round(0.98 * PAIRS**0.5)
    low, high = ratios[PAIRS // 2 - reach], ratios[PAIRS // 2 + reach - 1]
    print(
        f"| {name} | {median(first for first, _ in pairs):.0f} | {median(second for _, second in pairs):.0f} "
        f"| {median(ratios):.3f} | {low:.3f} to {high:.3f} |"
    )


def _serve(app: str, cwd: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--keep-alive", "5", "--threads", "2", app]
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait()


def _port(server: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pids = [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
        found = [listener.port for listener in listeners(tuple(pids)) if listener.port]
        if found:
            return int(found[0])
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def _rate(port: int, path: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    started, requests = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < SECONDS:
        connection.request("GET", path)
        connection.getresponse().read()
        requests += 1
    connection.close()
    return requests / elapsed


if __name__ == "__main__":
    main()
