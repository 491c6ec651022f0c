"""What `/proc` tells about a process and about ourselves, as far as attaching depends on it. Nothing is touched."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.targets.inject.interpreter import NoRoom, find_interpreter, is_started
from leakhunt.targets.inject.memory import open_memory, read_mappings

PROC: Final = Path("/proc")
_SYS_PTRACE: Final = 1 << 19
_PYTHON_FILE: Final = re.compile(r"(?:^|/)(?:lib)?python(3\.\d+)|\.cpython-3(\d+)[a-z]*-|/lib/python(3\.\d+)t?/")
_MACHINES: Final = {62: "x86-64", 183: "aarch64"}


@dataclass(frozen=True, slots=True)
class Facts:
    """One process, and who wants to attach to it. None stands for what could not be read."""

    pid: int
    name: str = ""
    state: str | None = None
    """As in `stat`: R, S, D, T, t, Z, X. None if there is no such process."""
    parent: int = 0
    tracer: int = 0
    tracer_name: str = ""
    owner: int | None = None
    """Effective user id of the process."""
    owner_name: str = ""
    owner_real: int | None = None
    our_user: int = 0
    our_ptrace: bool = False
    """Whether we have CAP_SYS_PTRACE."""
    readable: bool | None = None
    """Whether its memory map may be read."""
    memory: bool | None = None
    """Whether its memory may be opened, for which the kernel asks the same as for tracing."""
    yama: int | None = None
    """`kernel.yama.ptrace_scope`; None where the kernel has no Yama."""
    container: bool = False
    """Whether we run in a container."""
    bits: int | None = None
    machine: str | None = None
    python: tuple[int, int] | None = None
    implementation: str | None = None
    """`cpython` or `pypy`; None if it is no Python."""
    started: bool | None = None
    """Whether the interpreter that it has loaded runs."""
    free_threaded: bool = False
    debugging_disabled: bool = False
    """Whether it was started with remote debugging disabled."""


def read_facts(pid: int, proc: Path = PROC) -> Facts:
    """Read what can be read; what cannot is None."""
    here = proc / str(pid)
    status = _status(here)
    if not status:
        return Facts(pid)
    tracer = int(status.get("TracerPid", "0"))
    real, effective = (int(each) for each in status["Uid"].split()[:2])
    own = _status(proc / "self")
    paths = _mapped_files(pid, proc)
    bits, machine = _executable(here)
    return Facts(
        pid=pid,
        name=status["Name"],
        state=status["State"][0],
        parent=int(status["PPid"]),
        tracer=tracer,
        tracer_name=_status(proc / str(tracer)).get("Name", "") if tracer else "",
        owner=effective,
        owner_real=real,
        owner_name=_user(effective),
        our_user=int(own["Uid"].split()[1]),
        our_ptrace=bool(int(own["CapEff"], 16) & _SYS_PTRACE),
        readable=paths is not None,
        memory=_may_open(here / "mem"),
        yama=_number(proc / "sys/kernel/yama/ptrace_scope"),
        container=_in_container(proc),
        bits=bits,
        machine=machine,
        python=_version(paths or ()),
        implementation=_implementation(paths or ()),
        started=_is_started(pid, proc) if _implementation(paths or ()) == "cpython" else None,
        free_threaded=any(re.search(r"python3\.\d+t|cpython-3\d+t-", path) for path in paths or ()),
        debugging_disabled=_debugging_disabled(here),
    )


def _status(directory: Path) -> dict[str, str]:
    try:
        lines = (directory / "status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _mapped_files(pid: int, proc: Path) -> tuple[str, ...] | None:
    try:
        return tuple({each.path for each in read_mappings(pid, proc) if each.path.startswith("/")})
    except OSError:
        return None


def _version(paths: Iterable[str]) -> tuple[int, int] | None:
    """By the names of what is mapped: the library or program itself before extension modules."""
    found: list[tuple[int, tuple[int, int]]] = []
    for path in paths:
        match = _PYTHON_FILE.search(path)
        if match is not None:
            minor = match[2] or (match[1] or match[3]).partition(".")[2]
            found.append((0 if match[1] else 1 if match[2] else 2, (3, int(minor))))
    return min(found)[1] if found else None


def _implementation(paths: Iterable[str]) -> str | None:
    names = [path.rpartition("/")[2] for path in paths]
    if any("pypy" in name for name in names):
        return "pypy"
    return "cpython" if _version(paths) is not None else None


def _is_started(pid: int, proc: Path) -> bool | None:
    with suppress(OSError, NoRoom), open_memory(pid, proc) as memory:
        found = find_interpreter(memory, read_mappings(pid, proc))
        if found is not None and found.runtime is not None:
            return is_started(memory, found.runtime.address)
    return None


def _executable(here: Path) -> tuple[int | None, str | None]:
    try:
        with (here / "exe").open("rb") as file:
            head = file.read(20)
        machine = struct.unpack_from("<H", head, 18)[0]
    except (OSError, struct.error):
        return None, None
    return {1: 32, 2: 64}.get(head[4]), _MACHINES.get(machine, f"machine {machine}")


def _debugging_disabled(here: Path) -> bool:
    with suppress(OSError):
        environment = (here / "environ").read_bytes().split(b"\0")
        if any(each.startswith(b"PYTHON_DISABLE_REMOTE_DEBUG=") and not each.endswith(b"=") for each in environment):
            return True
    with suppress(OSError):
        words = (here / "cmdline").read_bytes().split(b"\0")
        # `-X` may be a word of its own, and options of Python come before the program's.
        joined = b" ".join(words[1:8])
        return re.search(rb"(?:^| )-\w*X ?disable[-_]remote[-_]debug(?: |$)", joined) is not None
    return False


def _may_open(path: Path) -> bool | None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:
        return None
    return True


def _in_container(proc: Path) -> bool:
    root = proc.parent
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return True
    with suppress(OSError):
        return b"container=" in (proc / "1/environ").read_bytes()
    return False


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _user(number: int) -> str:
    import pwd  # noqa: PLC0415  # reads the user database, which is rarely needed

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
