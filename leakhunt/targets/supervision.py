"""leakhunt's end of the supervisor: starts it, has it start programs, knows how they ended."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from leakhunt.errors import TargetError
from leakhunt.targets.logs import Log
from leakhunt.units import Seconds

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
_START_TIMEOUT: Final[Seconds] = 20.0
_STOP_TIMEOUT: Final[Seconds] = 12.0


class Supervision:
    """One running supervisor. `close` ends every program it started and removes `launch_dir`."""

    def __init__(self, launch_dir: Path) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), str(launch_dir)],
                cwd="/",
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._changed = threading.Condition()
        self._answers: dict[str, dict[str, Any]] = {}
        self._ended: dict[int, int] = {}
        self._lost = False
        self._reader = threading.Thread(target=self._read, name="leakhunt-supervision", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Ancestor of every process of the launch."""
        return int(self._process.pid)

    def start(self, name: str, command: tuple[str, ...], *, cwd: Path, env: Mapping[str, str], log: Log) -> int:
        """Start a program and return its pid. `name` is unique.

        Raises:
            TargetError: there is no such program, or it may not be run.
        """
        order = {"name": name, "command": command, "cwd": str(cwd), "env": dict(env)}
        order |= {"stdout": str(log.stdout), "stderr": str(log.stderr)}
        try:
            self._channel.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            self._lost = True
        with self._changed:
            self._changed.wait_for(lambda: name in self._answers or self._lost, _START_TIMEOUT)
            answer = self._answers.get(name)
        if answer is None:
            raise TargetError(f"{command[0]} was not started: leakhunt's supervisor process is gone")
        if "pid" not in answer:
            raise _not_started(command[0], cwd, answer)
        return int(answer["pid"])

    def exit_status(self, pid: int) -> int | None:
        """How a child of the supervisor ended, as in `Popen.returncode`; None while it runs, or if unknown."""
        with self._changed:
            return self._ended.get(pid)

    def wait(self, pid: int, timeout: Seconds) -> int | None:
        """Exit status of a program, waited for; None if it still runs after `timeout`."""
        with self._changed:
            self._changed.wait_for(lambda: pid in self._ended or self._lost, timeout)
            return self._ended.get(pid)

    def alive(self) -> bool:
        """Whether the supervisor itself still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Have everything ended; returns when it is. May be called again."""
        try:
            self._channel.shutdown(socket.SHUT_WR)
        except OSError:
            self._lost = True
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)
        self._channel.close()

    def _read(self) -> None:
        try:
            with self._channel.makefile("rb") as lines:
                for line in lines:
                    self._take(json.loads(line))
        except (OSError, ValueError):
            # Closed under the reader, or cut off in the middle of a line: both mean that the supervisor is gone.
            pass
        finally:
            with self._changed:
                self._lost = True
                self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "ended" in message:
                self._ended[message["ended"]] = message["status"]
            else:
                self._answers[message["name"]] = message
                if "pid" in message:
                    # The kernel uses pids again: an orphan that ended earlier may have had this one.
                    self._ended.pop(message["pid"], None)
            self._changed.notify_all()


def _not_started(program: str, cwd: Path, answer: Mapping[str, Any]) -> TargetError:
    if answer["errno"] == errno.ENOENT:
        return TargetError(
            # A path counts from where the program is to run.
            f"there is no program {program}" + (f" in {cwd}" if "/" in program and program[0] != "/" else ""),
            "Check the spelling, or give its path; is the virtual environment that holds it active?",
        )
    if answer["errno"] == errno.EACCES:
        return TargetError(
            f"{program} may not be run: permission denied", f"chmod +x {program}, or name its interpreter"
        )
    return TargetError(f"{program} could not be started: {answer['error']}")
