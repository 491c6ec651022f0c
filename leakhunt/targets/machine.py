"""What this machine lets leakhunt do: facts read from `/proc`, `/sys` and the PATH, and what follows from them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leakhunt.errors import TargetError
from leakhunt.targets import native
from leakhunt.targets.inject.facts import PROC, Facts, read_facts
from leakhunt.targets.inject.preflight import EMULATED, NEWEST, OLDEST, Answer, Finding
from leakhunt.targets.interpreters import Interpreter, probe

SERVERS: Final = ("gunicorn", "waitress", "uvicorn", "hypercorn", "daphne", "uwsgi", "celery")
"""Packages that serve apps, as far as leakhunt knows them."""
_CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, and who asks."""

    system: str
    """`Linux`."""
    machine: str
    """`x86_64`."""
    us: Facts
    """Our own process: user, capabilities, Yama, container."""
    cgroup: str | None
    """`v2`, `v1`, or None where memory is in no cgroup that can be seen."""
    smaps_rollup: bool
    """Whether the kernel tells USS and PSS at a low price (since 4.14)."""
    pythons: Mapping[str, str] = field(default_factory=dict)
    """Version by executable: those on the PATH, and our own."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """Version by name: those beside our own interpreter."""
    sampler: bool = True
    """Whether the native sampler was compiled when leakhunt was installed."""


def read_machine(proc: Path = PROC, cgroups: Path = _CGROUPS) -> Machine:
    """Read the facts. The interpreters that are found are run, to be asked for their version."""
    pythons, own = _pythons()
    return Machine(
        system=platform.system(),
        machine=platform.machine(),
        us=read_facts(os.getpid(), proc),
        cgroup=_cgroup(cgroups),
        smaps_rollup=(proc / "self" / "smaps_rollup").exists(),
        pythons=pythons,
        servers={name: version for name, version in own.packages.items() if version is not None},
        sampler=native.is_installed(),
    )


def examine_machine(machine: Machine) -> tuple[Finding, ...]:
    """All checks, in the order in which they are worth reading."""
    return tuple(check(machine) for check in CHECKS)


def _pythons() -> tuple[Mapping[str, str], Interpreter]:
    own = probe(sys.executable, *SERVERS)
    found = {sys.executable: own.version}
    for name in ("python3", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))):
        path = shutil.which(name)
        if path is None or path in found:
            continue
        try:
            found[path] = probe(path).version
        except TargetError:
            # A shim of pyenv is on the PATH even where its version is not enabled.
            continue
    return found, own


def _cgroup(cgroups: Path) -> str | None:
    if "memory" in _words(cgroups / "cgroup.controllers"):
        return "v2"
    if (cgroups / "memory" / "memory.limit_in_bytes").exists():
        return "v1"
    # In a container the root of the tree that is mounted has the limit itself.
    return "v2" if (cgroups / "memory.max").exists() else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def _system(machine: Machine) -> Finding:
    if machine.system != "Linux":
        return Finding(
            "system",
            Answer.REFUSED,
            f"This is {machine.system}; leakhunt reads what Linux tells in /proc.",
            "Run it on Linux, or in a Linux container.",
        )
    instead = 'Start the app with "leakhunt profile -- ..." instead.'
    if machine.machine == "aarch64":
        sentence = f"This is Linux on aarch64. Attaching to a running process was {EMULATED}; all else works."
        return Finding("system", Answer.UNKNOWN, sentence, instead)
    if machine.machine != "x86_64":
        return Finding(
            "system",
            Answer.REFUSED,
            f"This is Linux on {machine.machine}; attaching to a running process needs x86-64 or aarch64."
            " All else works.",
            instead,
        )
    return Finding("system", Answer.OK, "This is Linux on x86-64.")


def _tracing(machine: Machine) -> Finding:
    us = machine.us
    if us.yama == 3:
        return Finding(
            "tracing",
            Answer.REFUSED,
            "kernel.yama.ptrace_scope=3 allows no attach until reboot.",
            'Start the app with "leakhunt profile -- ...".',
        )
    if us.our_ptrace:
        return Finding("tracing", Answer.OK, "CAP_SYS_PTRACE: processes of every user may be attached to.")
    if us.yama in {1, 2}:
        who = "parents" if us.yama == 1 else "administrators"
        return Finding(
            "tracing",
            Answer.REFUSED,
            f"kernel.yama.ptrace_scope={us.yama} allows only {who} to attach.",
            'Use sudo, or start the app with "leakhunt profile -- ...".',
        )
    if us.our_user == 0:
        where = "This container has no SYS_PTRACE" if us.container else "This root user has no CAP_SYS_PTRACE"
        return Finding(
            "tracing",
            Answer.REFUSED,
            f"{where}: processes of other users, and those with more privileges, may not be attached to.",
            "docker run --cap-add=SYS_PTRACE, or kubectl debug --profile=sysadmin.",
        )
    return Finding(
        "tracing", Answer.OK, "Processes of this user may be attached to; for those of others run leakhunt with sudo."
    )


def _container(machine: Machine) -> Finding:
    where = "leakhunt runs in a container" if machine.us.container else "leakhunt runs in no container that it knows"
    return Finding("container", Answer.OK, f"{where}.")


def _memory(machine: Machine) -> Finding:
    if machine.cgroup is None:
        return Finding(
            "memory limit",
            Answer.UNKNOWN,
            "No memory cgroup can be seen, so that only the machine's own memory counts as the limit.",
            "In a container mount /sys/fs/cgroup (read-only is enough).",
        )
    return Finding("memory limit", Answer.OK, f"Memory limits are read from cgroup {machine.cgroup}.")


def _rollup(machine: Machine) -> Finding:
    if machine.smaps_rollup:
        return Finding("USS and PSS", Answer.OK, "The kernel tells them (smaps_rollup).")
    return Finding(
        "USS and PSS",
        Answer.UNKNOWN,
        "The kernel does not tell them (no smaps_rollup); RSS stands alone.",
        "Linux 4.14 and later has it.",
    )


def _found_pythons(machine: Machine) -> Finding:
    versions = sorted({_minor(version) for version in machine.pythons.values()})
    listed = ", ".join(".".join(map(str, version)) for version in versions)
    if not any(OLDEST <= version <= NEWEST for version in versions):
        return Finding("pythons", Answer.UNKNOWN, f"No Python on the PATH can be a target; found: {listed}.")
    return Finding("pythons", Answer.OK, f"On the PATH, or leakhunt's own: {listed}. --python takes any other.")


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _found_servers(machine: Machine) -> Finding:
    if not machine.servers:
        return Finding(
            "servers",
            Answer.UNKNOWN,
            "Beside leakhunt there is no server, so that MODULE:CALLABLE is served by the standard library's.",
            "python -m pip install gunicorn",
        )
    listed = ", ".join(f"{name} {version}" for name, version in machine.servers.items())
    return Finding("servers", Answer.OK, f"Beside leakhunt: {listed}.")


def _sampler(machine: Machine) -> Finding:
    if machine.sampler:
        return Finding(
            "sampler", Answer.OK, "The native sampler was compiled: leakhunt heap take --sample names lines with it."
        )
    return Finding(
        "sampler",
        Answer.UNKNOWN,
        "leakhunt was installed without a C compiler, so there is no native sampler; tracemalloc names the lines.",
        "With a compiler and Python's headers (on Debian: build-essential python3-dev) install leakhunt again.",
    )


CHECKS: Final[tuple[Callable[[Machine], Finding], ...]] = (
    _system,
    _container,
    _tracing,
    _memory,
    _rollup,
    _found_pythons,
    _found_servers,
    _sampler,
)
