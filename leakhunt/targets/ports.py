"""The sockets on which a process tree listens, found in /proc."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"
_ACCEPTS_CONNECTIONS: Final = 0x10000
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket: `host` and `port` for TCP, `path` for a Unix socket."""

    host: str | None = None
    port: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path is not None else f"{_bracketed(self.host or '')}:{self.port}"


def listeners(pids: Iterable[int]) -> dict[Listener, frozenset[int]]:
    """What the processes listen on, and which of them hold each socket. Abstract Unix sockets are left out."""
    holders: dict[str, set[int]] = {}
    for pid in pids:
        for _, inode in _sockets(pid):
            holders.setdefault(inode, set()).add(pid)
    if not holders:
        return {}
    # Any of them may stand for all: a launched tree shares one network namespace.
    net = Path(f"/proc/{next(iter(next(iter(holders.values()))))}/net")
    found: dict[Listener, frozenset[int]] = {}
    for listener, inode in (*_tcp(net / "tcp"), *_tcp(net / "tcp6"), *_unix(net / "unix")):
        if inode in holders:
            found[listener] = found.get(listener, frozenset()) | holders[inode]
    return found


def listening_descriptors(pid: int) -> dict[int, str]:
    """Number and inode of the descriptors of a process that are listening sockets."""
    net = Path(f"/proc/{pid}/net")
    listening = {inode for _, inode in (*_tcp(net / "tcp"), *_tcp(net / "tcp6"), *_unix(net / "unix"))}
    return {number: inode for number, inode in _sockets(pid) if inode in listening}


def _sockets(pid: int) -> Iterator[tuple[int, str]]:
    """Descriptor and inode of each socket that a process holds."""
    try:
        descriptors = tuple(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        # Gone, or another user's: then it cannot be measured either.
        return
    for descriptor in descriptors:
        match = _SOCKET.fullmatch(_link(descriptor))
        if match is not None:
            yield int(descriptor.name), match[1]


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _lines(path: Path) -> Iterator[list[str]]:
    """The fields of its lines, the kernel being asked for no more than are taken."""
    try:
        with path.open(errors="surrogateescape") as file:
            next(file, None)
            for line in file:
                yield line.split()
    except OSError:
        return


def _tcp(path: Path) -> Iterator[tuple[Listener, str]]:
    for fields in _lines(path):
        if fields[3] != _LISTEN:
            return  # the kernel lists those that listen first; of the others there may be very many
        address, port = fields[1].split(":")
        yield Listener(host=_host(address), port=int(port, 16)), fields[9]


def _unix(path: Path) -> Iterator[tuple[Listener, str]]:
    for fields in _lines(path):
        if len(fields) > 7 and int(fields[3], 16) & _ACCEPTS_CONNECTIONS and fields[7].startswith("/"):
            yield Listener(path=" ".join(fields[7:])), fields[6]


def _host(address: str) -> str:
    """The kernel prints addresses as 32-bit words in the machine's own byte order."""
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    host = ipaddress.ip_address(b"".join(words))
    mapped = getattr(host, "ipv4_mapped", None)
    return str(mapped or host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
