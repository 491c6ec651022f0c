"""Which processes belong to the one that is watched, as far as the kernel alone tells, and what each is there for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import psutil

from leakhunt.errors import TargetError
from leakhunt.model.run import Role
from leakhunt.targets import tree
from leakhunt.targets.ports import listeners
from leakhunt.targets.roles import TARGET, Facts, assign_names, assign_roles, program_name
from leakhunt.targets.tree import Process
from leakhunt.units import Seconds

_YOUNG: Final[Seconds] = 0.5
"""A child is looked at when it is older than this: until then it may be about to say that it is a snapshot child."""
_SETTLING: Final[Seconds] = 5.0
"""How long a process may still become another program by exec, rename itself, or begin to listen."""


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the tree."""

    process: Process
    role: Role
    name: str


def find_process(pid: int) -> Process:
    """The process to watch.

    Raises:
        TargetError: there is none, or nothing of it can be watched.
    """
    process = tree.read_process(pid)
    if process is None:
        raise TargetError(f"PID {pid} does not exist (any more).", "pgrep -af python lists those that run Python.")
    if process.ended:
        raise TargetError(
            f"PID {pid} has exited (zombie); its parent is {process.parent}.",
            f"Watch that, if it is the server: leakhunt watch {process.parent}",
        )
    if process.kernel:
        raise TargetError(
            f"PID {pid} ({process.name}) is a thread of the kernel, which has no memory of its own.",
            "Give the PID of a program; pgrep -af python lists those that run Python.",
        )
    return process


def owner(pid: int) -> str | None:
    """The name of the user a process belongs to, or None if it is gone."""
    try:
        return psutil.Process(pid).username()
    except psutil.Error:
        return None


class Lineage:
    """A process and all that descends from it, whenever it is asked."""

    def __init__(self, root: Process) -> None:
        self.root = root
        self._facts: dict[str, Facts] = {}
        self._names = _Names()
        self._masters: set[str] = set()

    def alive(self) -> bool:
        """Whether the process itself still runs."""
        current = tree.read_process(self.root.pid)
        return current is not None and current.key == self.root.key and not current.ended

    def members(self) -> tuple[Member, ...]:
        """The live processes, in order of birth; without snapshot children, and without leakhunt's own processes."""
        found = self._living()
        keys = {process.key for process in found}
        keys_by_pid = {process.pid: process.key for process in found}
        self._facts = {key: facts for key, facts in self._facts.items() if key in keys}
        for process in found:
            if process.key not in self._facts or tree.age(process) < _SETTLING:
                facts, known = _read_facts(process, keys_by_pid.get(process.parent)), self._facts.get(process.key)
                # One that is just ending has lost its sockets and its command line.
                self._facts[process.key] = replace(facts, listens=True) if known and known.listens else facts
        lives = _by_descent([self._facts[process.key] for process in found])
        roles = self._steady(assign_roles(lives))
        names = self._names.of(lives, roles)
        return tuple(Member(process, roles[process.key], names[process.key]) for process in found)

    def _steady(self, roles: Mapping[str, Role]) -> Mapping[str, Role]:
        """A master whose workers have all ended for a moment is no worker for that."""
        self._masters &= roles.keys()
        self._masters |= {key for key, role in roles.items() if role is Role.MASTER}
        return {key: Role.MASTER if key in self._masters else role for key, role in roles.items()}

    def _living(self) -> list[Process]:
        if not self.alive():
            return []
        left_out = {os.getpid()}
        found = [self.root]
        for process in tree.descendants(self.root.pid):
            if process.parent in left_out or process.pid in left_out or _is_no_member(process):
                left_out.add(process.pid)
            else:
                found.append(process)
        return sorted(found, key=lambda process: (process.started, process.pid))


@dataclass
class _Names:
    """Numbers processes in the order in which they appear, and gives no number twice."""

    _given: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Name without number, and number, by key."""
    _counts: Counter[str] = field(default_factory=Counter)

    def of(self, facts: Sequence[Facts], roles: Mapping[str, Role]) -> dict[str, str]:
        stems = {life.key: assign_names([life], roles)[life.key].removesuffix(" 1") for life in facts}
        # A process that turns out to be something else gives its number back, if it was the last.
        for key, stem, number in [(key, *given) for key, given in self._given.items()]:
            if stems.get(key) != stem:
                del self._given[key]
                self._counts[stem] -= key in stems and self._counts[stem] == number
        for key, stem in stems.items():
            if key not in self._given:
                self._counts[stem] += 1
                self._given[key] = (stem, self._counts[stem])
        return {
            key: f"{stem} {number}" if number > 1 or roles[key] is Role.WORKER else stem
            for key, (stem, number) in self._given.items()
        }


def _is_no_member(process: Process) -> bool:
    if process.ended or tree.age(process) < _YOUNG:
        return True
    return tree.is_snapshot_child(process, tree.command_line(process.pid))


def _read_facts(process: Process, parent: str | None) -> Facts:
    # A process that cleared its command line still has a name.
    command = tree.command_line(process.pid) or (process.name,)
    listens = bool(listeners([process.pid]))
    return Facts(process.key, parent, TARGET, command, hooked=False, served=False, listens=listens)


def _by_descent(lives: list[Facts]) -> list[Facts]:
    """Where no process is seen to listen, as of another user: the last ones of a chain that runs one program serve."""
    if any(life.listens for life in lives):
        return lives
    programs = {life.key: program_name(life.command) for life in lives}
    copies = {life.key for life in lives if life.parent is not None and programs.get(life.parent) == programs[life.key]}
    parents = {life.parent for life in lives if life.key in copies}
    return [replace(life, listens=life.key in copies - parents) for life in lives]
