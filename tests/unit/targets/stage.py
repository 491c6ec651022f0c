"""A real supervisor with all that a launch puts around it, for programs that a test makes up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from leakhunt.agent import bundle
from leakhunt.model.run import Role
from leakhunt.targets.census import Census
from leakhunt.targets.companions import Surroundings
from leakhunt.targets.failures import Shown
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.launch_dir import LaunchDir
from leakhunt.targets.roles import TARGET
from leakhunt.targets.running import Running
from leakhunt.targets.supervision import Supervision

WAIT: Final = "import time; time.sleep(60)"
SERVE: Final = """
import socket

STATUSES = {"/": 503, "/fine": 204, "/broken": 500}
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        request = connection.recv(65536).decode()
        path = request.split()[1]
        status = STATUSES.get(path, 404)
        if path == "/seen":
            status = 200 if "X-Seen: yes" in request else 500
        connection.sendall(f"HTTP/1.1 {status} Status\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
"""
"""Tells its port on stdout; answers 503 to /."""


class Stage:
    """What `stage` yields."""

    def __init__(self, directory: LaunchDir, supervision: Supervision, hub: AgentHub) -> None:
        self.directory, self.supervision = directory, supervision
        self.log = directory.log(TARGET)
        self.census = Census(supervision, links=hub.links, log=self.log.text, clock=time.monotonic)
        self.around = Surroundings(supervision, directory.path, dict(os.environ), directory.log, Shown())

    def run(self, program: str, *, app: str | None = None, agent: bool = False) -> Running:
        """The target, a Python program."""
        script = self.directory.path / "program.py"
        script.write_text(program)
        bundle.write_boot(self.directory.boot, self.directory.socket)
        env = self.directory.with_boot(os.environ) if agent else dict(os.environ)
        command = (sys.executable, *([] if agent else ["-I", "-S"]), str(script))
        self.census.start()
        pid = self.supervision.start(TARGET, command, cwd=self.directory.path, env=env, log=self.log)
        self.census.poll()
        return Running(self.supervision, self.census, pid, self.log, self.around.shown, app, self.directory.path)

    def workers(self, running: Running, number: int) -> None:
        """Wait until so many processes listen."""
        self.until(lambda: sum(worker.role is Role.WORKER for worker in running.census.workers()) == number)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is about to happen."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)
            self.census.poll()


@contextmanager
def stage(launch_dir: Path) -> Iterator[Stage]:
    """A supervisor that works in `launch_dir`, ended with everything that it started."""
    (launch_dir / "logs").mkdir()
    directory = LaunchDir(launch_dir)
    with ExitStack() as ending:
        supervision = Supervision(launch_dir)
        ending.callback(supervision.close)
        made = Stage(directory, supervision, ending.enter_context(AgentHub(directory.socket)))
        ending.callback(made.census.kill_survivors)
        ending.callback(made.census.stop)
        yield made
