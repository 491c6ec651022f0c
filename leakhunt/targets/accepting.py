"""Which processes wait for connections on a listening socket, told from /proc: a process that only holds one does not.

A thread that waits shows the system call and its arguments (`/proc/PID/task/TID/syscall`, proc(5)); what these point to
is read from its memory. Numbers are those of Linux on x86-64 and aarch64; on the latter they were not tried.
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from leakhunt.targets import ports
from leakhunt.targets.inject.memory import open_memory
from leakhunt.units import Seconds

_LOOKS: Final = 10
_BETWEEN_LOOKS: Final[Seconds] = 0.01
_POLLED: Final = struct.Struct("<ihh")
_POLLIN: Final = 1
_MOST: Final = 65_536
"""Descriptors that one call waits for at most; more is no sensible argument."""
_TARGET: Final = re.compile(r"^tfd:\s*(\d+)", re.MULTILINE)


def serving_with(server: int, children: Collection[int]) -> frozenset[int]:
    """Of a process and its children that hold its sockets: those that serve if it serves itself; else none.

    It does if it is seen to wait for all the sockets that they share, or for one that a child waits for, too. One that
    waits for another is a master that listens for its own ends, as gunicorn's does for its control socket.
    """
    held = {pid: ports.listening_descriptors(pid) for pid in (server, *children)}
    shared = frozenset(held[server].values()) & frozenset().union(*(held[pid].values() for pid in children))
    seen: dict[int, frozenset[str]] = {pid: frozenset() for pid in held}
    theirs: frozenset[str] = frozenset()
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN_LOOKS)
        seen = {pid: sockets | (awaited(pid, held[pid]) & shared) for pid, sockets in seen.items()}
        theirs = frozenset().union(*(seen[pid] for pid in children))
        if seen[server] == shared or theirs:
            break
    if not (seen[server] and (seen[server] == shared or seen[server] & theirs)):
        return frozenset()
    return frozenset(pid for pid, sockets in seen.items() if sockets & seen[server])


def awaited(pid: int, listening: Mapping[int, str]) -> frozenset[str]:
    """Of its listening sockets (descriptor and inode) those on which a thread waits for a connection just now."""
    numbers: frozenset[int] = frozenset()
    with suppress(OSError):
        for call, arguments in _calls(pid):
            numbers |= _awaited(pid, call, arguments)
    return frozenset(inode for number, inode in listening.items() if number in numbers)


def _calls(pid: int) -> list[tuple[int, tuple[int, ...]]]:
    """Number and arguments of the system calls that its threads are in."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            fields = (thread / "syscall").read_text().split()
            if len(fields) == 9 and int(fields[0]) >= 0:
                found.append((int(fields[0]), tuple(int(each, 16) for each in fields[1:7])))
    return found


def _awaited(pid: int, number: int, arguments: tuple[int, ...]) -> frozenset[int]:
    """Descriptors that a call waits for."""
    look = _WAITS.get(number)
    with suppress(OSError):  # it goes on meanwhile
        return frozenset() if look is None else look(pid, arguments)
    return frozenset()


def _of_accept(_: int, arguments: tuple[int, ...]) -> frozenset[int]:
    return frozenset(arguments[:1])


def _of_epoll(pid: int, arguments: tuple[int, ...]) -> frozenset[int]:
    text = Path(f"/proc/{pid}/fdinfo/{arguments[0]}").read_text()
    return frozenset(int(each) for each in _TARGET.findall(text))


def _of_poll(pid: int, arguments: tuple[int, ...]) -> frozenset[int]:
    address, count = arguments[:2]
    if not 0 < count <= _MOST:
        return frozenset()
    data = _read(pid, address, count * _POLLED.size)
    return frozenset(number for number, events, _ in _POLLED.iter_unpack(data) if events & _POLLIN)


def _of_select(pid: int, arguments: tuple[int, ...]) -> frozenset[int]:
    count, address = arguments[:2]
    if not (0 < count <= _MOST and address):
        return frozenset()
    bits = int.from_bytes(_read(pid, address, (count + 63) // 64 * 8), "little")
    return frozenset(number for number in range(count) if bits >> number & 1)


def _read(pid: int, address: int, size: int) -> bytes:
    with open_memory(pid) as memory:
        return memory.read(address, size)


_WAITS: Final[Mapping[int, Callable[[int, tuple[int, ...]], frozenset[int]]]] = (
    {
        202: _of_accept,
        242: _of_accept,  # accept4
        22: _of_epoll,  # epoll_pwait
        441: _of_epoll,  # epoll_pwait2
        73: _of_poll,  # ppoll
        72: _of_select,  # pselect6
    }
    if os.uname().machine == "aarch64"
    else {
        43: _of_accept,
        288: _of_accept,  # accept4
        232: _of_epoll,
        281: _of_epoll,  # epoll_pwait
        441: _of_epoll,  # epoll_pwait2
        7: _of_poll,
        271: _of_poll,  # ppoll
        23: _of_select,
        270: _of_select,  # pselect6
    }
)
