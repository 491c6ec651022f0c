"""A small process tree to watch: a master that is told to bear workers, that grow or not, and to end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

PROGRAM: Final = """
import os, signal, socket, sys, time

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()

def work(grows):
    kept = []
    print(os.getpid(), flush=True)
    born = time.monotonic()
    while True:
        # By the clock, so that a busy machine does not make it uneven.
        while grows and len(kept) < (time.monotonic() - born) * 50:
            kept.append(bytearray(200_000))
        time.sleep(0.01)

def fork(grows):
    if os.fork() == 0:
        work(grows)

def snapshot():
    if os.fork() == 0:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        print(os.getpid(), flush=True)
        time.sleep(1000)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    word = line.split()[0]
    if word == "fork":
        fork(False)
    elif word == "leak":
        fork(True)
    elif word == "snapshot":
        snapshot()
    elif word == "kill":
        os.kill(int(line.split()[1]), signal.SIGKILL)
os.killpg(0, signal.SIGKILL)
"""


class WatchedTree:
    """The master, and what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def fork(self, *, leaking: bool = False) -> int:
        """A new worker; its pid."""
        return self._ask("leak" if leaking else "fork")

    def snapshot(self) -> int:
        """A child that says of itself what the agent's snapshot children say; its pid."""
        return self._ask("snapshot")

    def kill(self, pid: int) -> None:
        """End a worker."""
        self._tell(f"kill {pid}")

    def end(self) -> None:
        """End all of it."""
        self.process.kill()
        self.process.wait()

    def _ask(self, word: str) -> int:
        self._tell(word)
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def _tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


@contextmanager
def watched_tree() -> Iterator[WatchedTree]:
    """The tree, gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield WatchedTree(process)
        finally:
            # Its workers are in its group, and end with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
