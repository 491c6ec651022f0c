"""A pseudo-terminal for programs that take their terminal over."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import Any


class Terminal:
    """A pseudo-terminal, and a program of Python's that has it as its controlling one."""

    def __init__(self, *command: str, env: dict[str, str] | None = None, columns: int = 80, lines: int = 24) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = self.settings()
        self.shown = ""
        environment = {**os.environ, "TERM": "xterm", **(env or {})}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env=environment,
            start_new_session=True,
            # The only way to give it a terminal that sends it signals.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, text: str, patience: float = 30.0) -> str:
        """What was written since the last call, up to when this text has been."""
        found, deadline = "", time.monotonic() + patience
        while text not in found:
            assert time.monotonic() < deadline, f"{text!r} never came: {found!r}"
            if select.select([self.ours], [], [], 0.2)[0]:
                found += os.read(self.ours, 65536).decode()
        self.shown += found
        return found

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait(self) -> int:
        """The exit code; what is written until then is read."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < deadline
            if select.select([self.ours], [], [], 0.05)[0]:
                self.shown += os.read(self.ours, 65536).decode()
        while select.select([self.ours], [], [], 0.05)[0]:
            self.shown += os.read(self.ours, 65536).decode()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    @property
    def taken(self) -> bool:
        """Whether the alternate screen was entered and not left again."""
        return self.shown.rfind("\x1b[?1049h") > self.shown.rfind("\x1b[?1049l")
