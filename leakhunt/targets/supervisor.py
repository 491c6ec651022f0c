"""The process between leakhunt and the target: starts programs, reports how they end, ends all when leakhunt is gone.

Run as `python -I -S supervisor.py LAUNCH_DIR` with a socket as stdin; imports nothing but the standard library.
Each line on the socket is one JSON object:

    to it:    {"name", "command", "cwd", "env", "stdout", "stderr"}    start a program, append output to those files
    from it:  {"name", "pid"} or {"name", "errno", "error"}            it started, or it could not
              {"ended": pid, "status": n}                              as in `Popen.returncode`; of orphans too

End of file on the socket, however it came about, is the request to stop: every process below this one ends, then
LAUNCH_DIR is removed.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 3.0
"""Seconds between asking the programs to end and killing them."""
_LOG_LIMIT = 2 * 2**20
_LOG_KEPT = 2**20
_TICK = 1.0


def main() -> None:
    """Serve until the socket ends, then end everything."""
    launch_dir = Path(sys.argv[1])
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    supervisor = Supervisor(socket.socket(fileno=os.dup(0)))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    try:
        supervisor.serve()
    finally:
        supervisor.finish()
        shutil.rmtree(launch_dir, ignore_errors=True)


class Supervisor:
    """Parent of every program of one launch, and of all their orphans."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._unread = b""
        self._open = True
        self._programs: dict[int, subprocess.Popen[bytes]] = {}
        self._logs: set[Path] = set()
        self._wakeup, wake = socket.socketpair()
        wake.setblocking(False)
        self._wake = wake
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        # Handlers, not SIG_IGN: what is ignored stays ignored in the programs started from here.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._close)

    def serve(self) -> None:
        """Start programs and report ends until there is nobody left to report to."""
        trimmed = time.monotonic()
        while self._open:
            readable, _, _ = select.select([self._channel, self._wakeup], [], [], _TICK)
            if self._wakeup in readable:
                self._wakeup.recv(4096)
            if self._channel in readable:
                self._read()
            self._reap()
            if time.monotonic() - trimmed > _TICK:
                trimmed = time.monotonic()
                for log in self._logs:
                    trim(log)

    def finish(self) -> None:
        """End all descendants: politely, then by force."""
        asked: set[int] = set()
        deadline = time.monotonic() + _GRACE
        while self._reap() and time.monotonic() < deadline:
            # Once a program is gone its orphans are children of this process and are asked in their turn.
            for pid in set(children(os.getpid())) - asked:
                asked.add(pid)
                send(pid, farewell(pid))
            time.sleep(0.02)
        deadline += 2 * _GRACE
        while self._reap() and time.monotonic() < deadline:
            for pid in descendants(os.getpid()):
                send(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _close(self, *_: object) -> None:
        self._open = False

    def _read(self) -> None:
        try:
            data = self._channel.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._open = False
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._start(json.loads(line))

    def _start(self, order: dict[str, Any]) -> None:
        try:
            with open_log(order["stdout"]) as out, open_log(order["stderr"]) as err:
                program = subprocess.Popen(
                    order["command"],
                    cwd=order["cwd"],
                    env=order["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            # ValueError: a NUL byte in an argument or in the environment.
            self._tell({"name": order["name"], "errno": getattr(error, "errno", None), "error": str(error)})
            return
        self._programs[program.pid] = program
        self._logs.update((Path(order["stdout"]), Path(order["stderr"])))
        self._tell({"name": order["name"], "pid": program.pid})

    def _reap(self) -> bool:
        """Whether children are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            code = os.waitstatus_to_exitcode(status)
            program = self._programs.pop(pid, None)
            if program is not None:
                program.returncode = code
            self._tell({"ended": pid, "status": code})

    def _tell(self, message: dict[str, object]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._open = False


def children(pid: int) -> list[int]:
    """Direct children of a process; none if it is gone."""
    return [child for thread in Path(f"/proc/{pid}/task").glob("*/children") for child in pids_in(thread)]


def pids_in(path: Path) -> list[int]:
    """Process numbers listed in a file of /proc that may be gone by now."""
    try:
        return [int(pid) for pid in path.read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """All processes below a process, parents before their children."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def farewell(pid: int) -> signal.Signals:
    """The signal that ends a program: uWSGI takes SIGTERM for an order to reload."""
    try:
        name = Path(f"/proc/{pid}/comm").read_bytes()
    except OSError:
        name = b""
    return signal.SIGINT if b"uwsgi" in name else signal.SIGTERM


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may already be gone, or belong to another user (`sudo` in a command)."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def open_log(path: str) -> Any:
    """A log that only its owner reads; appended to, so that it can be cut while in use."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def trim(log: Path) -> None:
    """Keep the end of a log that has grown too long."""
    try:
        if log.stat().st_size <= _LOG_LIMIT:
            return
        with log.open("r+b") as file:
            file.seek(-_LOG_KEPT, os.SEEK_END)
            kept = file.read(_LOG_KEPT)
            file.truncate(0)
            file.seek(0)
            file.write(kept[kept.find(b"\n") + 1 :])
    except OSError:  # gone, or the disk is full: no reason to stop the target
        return


if __name__ == "__main__":
    main()
