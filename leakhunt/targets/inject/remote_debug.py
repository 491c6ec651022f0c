"""Has Python 3.14 and later run a script by its own means (PEP 768), from any version of Python here.

The interpreter's `_PyRuntime` begins with a table of offsets (`Include/internal/pycore_debug_offsets.h`). Where in that
table a field stands changes with every minor version, so only tables are used that were looked at, and only if what
they lead to makes sense. For others the target's own interpreter is asked (`sys.remote_exec`).
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.targets.inject.channel import DIRECTORIES
from leakhunt.targets.inject.interpreter import COOKIE
from leakhunt.targets.inject.memory import Memory
from leakhunt.units import Seconds

OLDEST: Final = (3, 14)
_WORDS: Final = 160
_PLEASE_STOP: Final = 0x20
"""Bit of `eval_breaker` by which a thread that runs Python looks for a script."""
_MOST_THREADS: Final = 10_000
_REMOTE_EXEC: Final[Seconds] = 10.0


class Unknown(Exception):
    """The tables of this interpreter are not the known ones."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Positions in `_Py_DebugOffsets`, in words of 8 bytes."""

    interpreters: int
    threads: int
    main_thread: int
    next_thread: int
    native_id: int
    eval_breaker: int
    """The first of six that stand together."""


_TABLES: Final = {
    (3, 14): _Table(5, 9, 10, 24, 28, 89),
    (3, 15): _Table(5, 9, 10, 24, 31, 105),
}


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread of Python, as the interpreter knows it."""

    native_id: int
    """As the target itself sees it."""
    state: int
    """Address of its `PyThreadState`."""


class RemoteDebugging:
    """The interface of one interpreter. Raises Unknown if it is none that is known, OSError as memory does."""

    def __init__(self, memory: Memory, runtime: int) -> None:
        self._memory = memory
        words = struct.unpack(f"<{_WORDS}Q", memory.read(runtime, _WORDS * 8))
        if struct.pack("<Q", words[0]) != COOKIE:
            raise Unknown("the interpreter has no table of offsets")
        self.version = (words[1] >> 24, words[1] >> 16 & 0xFF)
        table = _TABLES.get(self.version)
        if table is None or words[2]:
            raise Unknown(f"the table of Python {self.version[0]}.{self.version[1]} is not known")
        self._next, self._native_id = words[table.next_thread], words[table.native_id]
        breaker, support, enabled, pending, path, size = words[table.eval_breaker : table.eval_breaker + 6]
        self._eval_breaker, self._pending, self._path = breaker, support + pending, support + path
        self.path_size = size
        interpreter = self._word(runtime + words[table.interpreters])
        self._first = interpreter + words[table.threads]
        self.main = self._thread(self._word(interpreter + words[table.main_thread]))
        self.enabled = self._number(interpreter + enabled) != 0
        """Whether this interpreter takes scripts at all."""
        if size != 512 or path != pending + 4 or self._number(self.main.state + self._pending) not in {0, 1}:
            raise Unknown("the table of offsets leads nowhere")

    def threads(self) -> tuple[Thread, ...]:
        """All threads of the interpreter, the main one first."""
        found: list[Thread] = []
        state = self._word(self._first)
        while state and len(found) < _MOST_THREADS:
            found.append(self._thread(state))
            state = self._word(state + self._next)
        return (self.main, *(each for each in found if each.state != self.main.state))

    def ask(self, thread: Thread, script: str, *, running: bool) -> None:
        """Have a thread run a script when it next looks; one that is `running` Python is told to look."""
        data = os.fsencode(script) + b"\0"
        if len(data) > self.path_size:
            raise Unknown("the path of the script is too long")
        self._memory.write(thread.state + self._path, data)
        self._memory.write(thread.state + self._pending, struct.pack("<i", 1))
        if running:
            # Only the byte with the flags: the others may be written to by the interpreter meanwhile.
            flags = self._memory.read(thread.state + self._eval_breaker, 1)[0]
            self._memory.write(thread.state + self._eval_breaker, bytes([flags | _PLEASE_STOP]))

    def pending(self, thread: Thread) -> bool:
        """Whether the thread has not begun with the script."""
        return self._number(thread.state + self._pending) == 1

    def cancel(self, thread: Thread) -> None:
        """The thread does not run the script, unless it has begun. It must still live."""
        self._memory.write(thread.state + self._pending, struct.pack("<i", 0))

    def _thread(self, state: int) -> Thread:
        return Thread(self._word(state + self._native_id), state)

    def _word(self, address: int) -> int:
        return int(struct.unpack("<Q", self._memory.read(address, 8))[0])

    def _number(self, address: int) -> int:
        return int(struct.unpack("<i", self._memory.read(address, 4))[0])


@contextmanager
def script_for(pid: int, text: str) -> Iterator[str | None]:
    """A file that the target can read, as it sees it; None if there is no place for one. It removes itself when run."""
    owner = Path(f"/proc/{pid}").stat()
    for directory in DIRECTORIES:
        inside = f"{directory}/leakhunt-{os.getpid()}-{os.urandom(8).hex()}.py"
        outside = Path(f"/proc/{pid}/root{inside}")
        try:
            descriptor = os.open(outside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            continue
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"try:\n    __import__('os').unlink({inside!r})\nexcept OSError:\n    pass\n{text}\n")
            if os.geteuid() == 0:
                os.chown(outside, owner.st_uid, owner.st_gid)
            yield inside
        finally:
            outside.unlink(missing_ok=True)
        return
    yield None


def remote_exec(pid: int, script: str) -> None:
    """Have the target's own program ask for it (`sys.remote_exec`), where its tables are not known here.

    Raises:
        AgentError: there is no such program here, or it failed.
    """
    program = None
    with suppress(OSError):
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115  # a string is wanted
    if program is None or "python" not in Path(program).name:
        raise AgentError(f"PID {pid} runs no Python that could be asked")
    try:
        run = subprocess.run(
            [program, "-I", "-S", "-c", "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])", str(pid), script],
            capture_output=True,
            check=False,
            timeout=_REMOTE_EXEC,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AgentError(f"{program} cannot be asked: {error}") from error
    if run.returncode:
        last = run.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise AgentError(f"{program} cannot be asked: {' '.join(last)}")
