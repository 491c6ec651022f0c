"""The agent in real processes, under every interpreter that this machine has."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from leakhunt.agent.bundle import write_boot
from leakhunt.model.snapshot import Snapshot
from leakhunt.samplers.memory import read_memory
from leakhunt.targets.answers import AgentStats
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.link import AgentLink

Found = TypeVar("Found")
SUPPORTED = re.compile(r"3\.(8|9|10|11|12|13)\.")
INTERPRETERS = [
    path / "bin" / "python"
    for path in sorted(Path.home().glob(".pyenv/versions/*"))
    if SUPPORTED.match(path.name) and (path / "bin" / "python").exists()
] or [Path(sys.executable)]

SERVER = """
import signal, sys, threading, os, time
from wsgiref.simple_server import WSGIRequestHandler, make_server

class Upload:
    def __init__(self, data):
        self.payload = data

KEPT = []
CHILDREN = []
signal.signal(signal.SIGCHLD, lambda *_: CHILDREN.append("SIGCHLD"))

def reap():
    while True:
        try:
            CHILDREN.append(os.waitpid(-1, os.WNOHANG))
        except ChildProcessError:
            pass
        time.sleep(0.001)

threading.Thread(target=reap, daemon=True).start()

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/leak":
        KEPT.append(Upload([bytes(1024) for _ in range(1024)]))
    body = repr(CHILDREN).encode() if path == "/children" else b"ok"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass

make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Handler).serve_forever()
"""

FACTS = """
import json, os, subprocess, sys
c_environ = subprocess.run(["/usr/bin/env"], stdout=subprocess.PIPE).stdout.decode().splitlines()
print(json.dumps({
    "environ": dict(os.environ), "c_environ": sorted(line for line in c_environ if not line.startswith("_=")),
    "path": sys.path, "argv": sys.argv, "sitecustomize": "sitecustomize" in sys.modules,
    "user": os.environ.get("FROM_SITECUSTOMIZE"),
}))
"""


@dataclass
class Launched:
    hub: AgentHub
    process: subprocess.Popen[bytes]
    port: int

    def link(self) -> AgentLink:
        return wait_for(lambda: self.hub.links()[-1] if self.hub.links() else None)

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


def wait_for(look: Callable[[], Found | None], seconds: float = 20.0) -> Found:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            found = look()
            if found:
                return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def settled(link: AgentLink) -> AgentStats:
    """What the agent counts once no request is in flight: a client has its response before the server is done."""
    wait_for(lambda: link.stats().in_flight == 0)
    return link.stats()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def launched(tmp_path: Path, command: Callable[[int], Sequence[str]], **env: str) -> Iterator[Launched]:
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "boot"), **env}
    with AgentHub(tmp_path / "agent.sock") as hub:
        process = subprocess.Popen(command(port), env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
        try:
            target = Launched(hub, process, port)
            wait_for(lambda: target.get("/ready"))
            yield target
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
    assert b"Traceback" not in errors, errors.decode()
    assert b"Warning" not in errors, errors.decode()


def where(snapshot: Snapshot, edge: str) -> str:
    place = next(place for place, node in enumerate(snapshot.paths) if node.edge == edge)
    text = ""
    while place > 0:
        text = snapshot.paths[place].edge + text
        place = snapshot.paths[place].parent
    return text


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda path: path.parent.parent.name)
def test_an_agent_counts_measures_explains_and_leaves_no_trace(python: Path, tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(SERVER)
    with launched(tmp_path, lambda port: [str(python), "-W", "error", "serve.py", str(port)]) as target:
        link = target.link()
        before = settled(link)
        assert before.hooked
        assert before.served == {"GET /ready": 1}

        target.get("/leak")
        for _ in range(6):
            link.heap()
        levels = [link.heap()[0].live or 0 for _ in range(10)]
        # A reading may meet the app's own thread in the middle of an exception; the lowest of several do not.
        assert abs(min(levels[:5]) - min(levels[5:])) <= 256

        for _ in range(8):
            target.get("/leak")
        grown = (link.heap()[0].live or 0) - levels[-1]
        assert grown == pytest.approx(8 * 1024 * 1057, rel=0.05)

        link.trace(8)
        for _ in range(3):
            target.get("/leak")
        snapshot = link.snapshot(1, types=True, sites=True, paths=True)
        assert snapshot.problems == ()
        assert {stat.type: stat.count for stat in snapshot.types}["__main__.Upload"] == 12
        top = snapshot.sites[0]
        assert SERVER.splitlines()[top.stack[0].line - 1].strip().startswith("KEPT.append")
        assert top.size == pytest.approx(3 * 1024 * 1057, rel=0.05)
        assert where(snapshot, ".payload") == "__main__.KEPT[*].payload"

        container = next(node for node in snapshot.paths if node.edge == ".KEPT")
        root = snapshot.paths[container.parent]
        (row,) = link.inspect(1, [("__main__.KEPT", (root, container))])
        assert (row.type, row.length, row.problems) == ("list", 12, ())
        assert row.deep_size == pytest.approx(12 * 1024 * 1057, rel=0.05)
        assert row.chain[0] == "module __main__"

        assert b"SIGCHLD" not in target.get("/children")
        assert target.get("/children") == b"[]"
        assert settled(link).served["GET /leak"] == 12
        assert link.detach() == ()
        wait_for(lambda: len(list(Path(f"/proc/{target.process.pid}/task").iterdir())) == 2)
        assert target.get("/leak") == b"ok"


def test_memory_read_after_a_look_at_the_heap_is_the_apps_alone(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(SERVER)
    with launched(tmp_path, lambda port: [sys.executable, "serve.py", str(port)]) as site:
        for _ in range(100):
            site.get("/leak")
        link = site.link()
        for _ in range(5):
            link.heap()
            usage = read_memory(site.process.pid)
            assert usage.uss is not None
            assert usage.anonymous is not None
            assert usage.uss > 0.9 * usage.anonymous > 90 * 2**20


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda path: path.parent.parent.name)
@pytest.mark.parametrize("own", [None, "", "SOMEWHERE", "SOMEWHERE:/elsewhere"])
def test_environment_and_import_path_equal_a_bare_start(python: Path, own: str | None, tmp_path: Path) -> None:
    site = tmp_path / "own"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import os; os.environ['FROM_SITECUSTOMIZE'] = 'ran'")
    (tmp_path / "facts.py").write_text(FACTS)
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    bare = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    if own is not None:
        bare["PYTHONPATH"] = own.replace("SOMEWHERE", str(site))
    boot = str(tmp_path / "boot")
    with_agent = {**bare, "PYTHONPATH": boot + (":" + bare["PYTHONPATH"] if own is not None else "")}
    facts = [facts_of(python, env, tmp_path) for env in (bare, with_agent)]
    assert facts[0] == facts[1]
    assert facts[1]["user"] == ("ran" if own else None)


def facts_of(python: Path, env: Mapping[str, str], cwd: Path) -> dict[str, object]:
    done = subprocess.run([str(python), "facts.py", "x"], env=env, cwd=cwd, capture_output=True, check=True)
    assert done.stderr == b""
    found: dict[str, object] = json.loads(done.stdout)
    return found


SIGNALS = """
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
time.sleep(0.5)  # by then an agent has its thread
os.kill(os.getpid(), signal.SIGUSR1)
time.sleep(0.2)
print("got", signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1)
"""
INTERPRETER = """
import time
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
made = interpreters.create()
interpreters.run_string(made, "x = 1")
time.sleep(0.5)  # by then an agent in it would have its thread
interpreters.destroy(made)
print("got True")
"""


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda path: path.parent.parent.name)
@pytest.mark.parametrize("program", [SIGNALS, INTERPRETER], ids=["blocked signals", "an interpreter of its own"])
def test_what_an_app_does_with_signals_and_interpreters_works_as_ever(
    python: Path, program: str, tmp_path: Path
) -> None:
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "boot")}
    with AgentHub(tmp_path / "agent.sock") as hub:
        process = subprocess.Popen([str(python), "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: hub.links() or None)
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "got True\n")


def test_files_in_the_apps_directory_are_no_memory_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(SERVER)
    with launched(tmp_path, lambda port: [sys.executable, "serve.py", str(port)]) as target:
        link = target.link()
        for _ in range(4):
            link.heap()
        before = link.heap()[0].live or 0
        for number in range(3000):
            (tmp_path / f"upload-{number}.bin").touch()
        assert (link.heap()[0].live or 0) - before < 4096


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda path: path.parent.parent.name)
def test_only_the_same_program_started_again_gets_an_agent(python: Path, tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(
        "import os, subprocess, sys, time\n"
        "if 'AGAIN' not in os.environ:\n"
        "    env = {**os.environ, 'AGAIN': '1'}\n"
        "    foreign = [sys.executable, '-c', 'import sys, os; print([n for n in sys.modules if \"leakhunt\" in n],"
        ' os.environ.get("PYTHONPATH"))\']\n'
        "    subprocess.run(foreign, check=True)\n"
        "    sys.stdout.flush()\n"
        "    subprocess.run([sys.executable, *sys.argv], env=env, close_fds=False, check=True)\n"
        "else:\n"
        "    print(os.environ.get('PYTHONPATH'), flush=True)\n"
        "    time.sleep(60)\n"
    )
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "boot")}
    with AgentHub(tmp_path / "agent.sock") as hub:
        process = subprocess.Popen(
            [str(python), "serve.py"], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        try:
            links = wait_for(lambda: hub.links() if len(hub.links()) == 2 else None)
            assert {links[1].hello.parent} == {process.pid}
            assert process.stdout is not None
            output = [process.stdout.readline() for _ in range(2)]
            os.kill(links[1].hello.pid, 9)
        finally:
            process.kill()
            process.communicate()
    assert output == ["[] None\n", "None\n"]
