"""Controller side of `leakhunt.agent.arrival`: the ways by which an agent inside a process can reach us.

In this order: a connection handed over through a socket that we take out of the process (`pidfd_getfd`; needs neither a
file nor a network), a Unix socket in a directory that the process sees, a port of the loopback interface.
"""

from __future__ import annotations

import array
import ctypes
import os
import secrets
import socket
import stat
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from leakhunt.targets.reach import peer
from leakhunt.units import Seconds

DIRECTORIES: Final = ("/dev/shm", "/run", "/tmp", "/var/tmp")  # noqa: S108  # of the target, where a socket may lie
_PIDFD_GETFD: Final = 438
WAYS: Final = ("pair", "unix", "tcp")
_POLL: Final[Seconds] = 0.002
_GREETING: Final[Seconds] = 2.0

_c = ctypes.CDLL(None, use_errno=True)
_c.syscall.restype = ctypes.c_long


class Meeting:
    """One way to meet one process, from `__enter__` to `__exit__`."""

    def __init__(self, pid: int, way: str) -> None:
        self.pid = pid
        self.token = secrets.token_hex(16)
        self.offers: list[tuple[str, object]] = []
        """For `arrival.meet`; empty if this way is not open."""
        self.listener: socket.socket | None = None
        """Where the agent and its snapshot children connect to; None if they are taken out of the process."""
        self._way = way
        self._open = ExitStack()

    def __enter__(self) -> Meeting:
        if self._way == "pair" and can_take_descriptors():
            self.offers.append(("pair", None))
        elif self._way == "unix" and (place := self._listen_in_target()) is not None:
            self.offers.append(("unix", place))
        elif self._way == "tcp" and _same_namespace(self.pid, "net"):
            self.listener = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
            self.offers.append(("tcp", self.listener.getsockname()[1]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def keep(self) -> ExitStack:
        """What closes the listener, to be closed by the caller instead of by `__exit__`."""
        return self._open.pop_all()

    def wait(self, deadline: float) -> socket.socket | None:
        """The connection of the agent, or None if it has not come by then (`time.monotonic`)."""
        while True:
            connection = take(self.pid, self.token) if self.listener is None else self._accept()
            if connection is not None or time.monotonic() >= deadline:
                return connection
            time.sleep(_POLL)

    def _accept(self) -> socket.socket | None:
        if self.listener is None:
            return None
        self.listener.settimeout(0)
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return None
        finally:
            self.listener.settimeout(None)
        connection.settimeout(_GREETING)
        if self.listener.family == socket.AF_UNIX and peer(connection) != self.pid:
            connection.close()
            return None
        return connection

    def _listen_in_target(self) -> str | None:
        """Listen on a socket that only the user of the target may connect to; its path as the target sees it."""
        owner = Path(f"/proc/{self.pid}").stat()
        for directory in DIRECTORIES:
            inside = f"{directory}/leakhunt-{self.token[:16]}"
            outside = Path(f"/proc/{self.pid}/root{inside}")
            try:
                outside.mkdir(mode=0o700)
            except OSError:
                continue
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._open.callback(_remove, outside)
            self._open.callback(listener.close)
            try:
                listener.bind(f"{outside}/s")
                for path, mode in ((outside / "s", stat.S_IRUSR | stat.S_IWUSR), (outside, stat.S_IRWXU)):
                    path.chmod(mode)
                    if os.geteuid() == 0:
                        os.chown(path, owner.st_uid, owner.st_gid)
                listener.listen(16)
            except OSError:
                continue
            self.listener = listener
            return f"{inside}/s"
        return None


def take(pid: int, token: str) -> socket.socket | None:
    """A connection to whatever in that process waits with this token (`arrival.meet`); None if nothing does yet."""
    descriptor = _announced(pid, token)
    if descriptor is None:
        return None
    try:
        taken = _take_descriptor(pid, descriptor)
    except OSError:
        return None
    ours, theirs = socket.socketpair()
    with socket.socket(fileno=taken) as handle, theirs:
        try:
            handle.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        except OSError:
            ours.close()
            return None
    return ours


def can_take_descriptors() -> bool:
    """Whether the kernel lets this process take descriptors out of others at all (5.6 and later, unless filtered)."""
    try:
        os.close(_take_descriptor(os.getpid(), 0))
    except OSError as error:
        # Descriptor 0 may be closed; the call itself works then.
        return error.errno == 9
    return True


def _announced(pid: int, token: str) -> int | None:
    """Number of the descriptor that the process offers in a file in memory that is named for the token."""
    name = f"/memfd:leakhunt-{token}"
    directory = f"/proc/{pid}/fd"
    try:
        for number in os.listdir(directory):  # noqa: PTH208  # there may be thousands
            with suppress(OSError):
                if os.readlink(f"{directory}/{number}").startswith(name):  # noqa: PTH115  # as above
                    return int(Path(directory, number).read_bytes() or b"-1")
    except (OSError, ValueError):
        return None
    return None


def _take_descriptor(pid: int, descriptor: int) -> int:
    if descriptor < 0:
        raise OSError(9, "nothing is announced yet")
    process = os.pidfd_open(pid)
    try:
        taken = int(_c.syscall(_PIDFD_GETFD, process, descriptor, 0))
    finally:
        os.close(process)
    if taken < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return taken


def _same_namespace(pid: int, kind: str) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
    except OSError:
        return False


def _remove(directory: Path) -> None:
    with suppress(OSError):
        (directory / "s").unlink(missing_ok=True)
        directory.rmdir()
