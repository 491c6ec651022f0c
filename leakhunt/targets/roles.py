"""What each process of the tree is there for, and what a person would call it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.model.run import Role

TARGET: Final = "target"
"""`Facts.program` of the target's own processes; companions have their own names."""

_INTERPRETER: Final = re.compile(r"(python|pypy)[\d.]*t?")
_OPTIONS_WITH_VALUE: Final = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_OWN_NAMES: Final[Mapping[str, str]] = {"stdlib_server": "wsgiref", "waitress-serve": "waitress"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one process life."""

    key: str
    parent: str | None
    """Key of its parent, if that belongs to the tree."""
    program: str
    """Name of the program of the launch that it descends from."""
    command: tuple[str, ...]
    hooked: bool
    """Its agent has wrapped a WSGI callable."""
    served: bool
    """Its agent has counted requests."""
    listens: bool
    """It holds a listening socket; looked up only where no agent is hooked."""


def assign_roles(lives: Sequence[Facts]) -> dict[str, Role]:
    """Role of each life, by key."""
    serving = _serving(lives)
    parents = {life.parent for life in lives if life.key in serving and life.parent is not None}
    idle = {life.key for life in lives if life.key in parents and not life.served}
    by_key = {life.key: life for life in lives}
    programs = {(life.parent, program_name(life.command)) for life in lives if life.key in serving}
    roles: dict[str, Role] = {}
    for key, life in by_key.items():
        if life.program != TARGET:
            roles[key] = Role.COMPANION
        elif key in serving and key not in idle:
            roles[key] = Role.WORKER
        elif key in idle and (key, program_name(life.command)) in programs:
            roles[key] = Role.MASTER
        else:
            roles[key] = Role.OTHER
    return roles


def assign_names(lives: Sequence[Facts], roles: Mapping[str, Role]) -> dict[str, str]:
    """Name of each life, by key; equals are numbered in the order given."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for life in lives:
        role = roles[life.key]
        if role is Role.COMPANION:
            stem = life.program
        else:
            stem = program_name(life.command) + {Role.WORKER: " worker", Role.MASTER: " master"}.get(role, "")
        counts[stem] = counts.get(stem, 0) + 1
        numbered = role is Role.WORKER or counts[stem] > 1
        names[life.key] = f"{stem} {counts[stem]}" if numbered else stem
    return names


def program_name(command: Sequence[str]) -> str:
    """What a command line runs: `gunicorn` for `python -m gunicorn`, `runserver` for `python manage.py runserver`."""
    if not command or not command[0]:
        return "process"
    # Servers that rename themselves leave one argument: `gunicorn: worker [app]`.
    first = Path(command[0].split()[0].rstrip(":")).name
    script = _script(command[1:]) if _INTERPRETER.fullmatch(first) else command
    if not script:
        return first
    name = Path(script[0].split()[0].rstrip(":")).name.removesuffix(".py")
    if name == "manage":
        name = next((argument for argument in script[1:] if not argument.startswith("-")), name)
    return _OWN_NAMES.get(name, name)


def _script(arguments: Sequence[str]) -> Sequence[str]:
    """The interpreter's arguments from the script or module on; empty if it runs neither."""
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if argument == "-c":
            return ()
        if argument == "-m":
            return arguments[at + 1 :]
        if not argument.startswith("-"):
            return arguments[at:]
        at += 2 if argument in _OPTIONS_WITH_VALUE else 1
    return ()


def _serving(lives: Sequence[Facts]) -> frozenset[str]:
    """Keys of the lives that serve; where no agent tells, those that listen and have no listening children."""
    target = [life for life in lives if life.program == TARGET]
    told = frozenset(life.key for life in target if life.hooked or life.served)
    if told:
        return told
    listening = [life for life in target if life.listens]
    parents = {life.parent for life in listening}
    return frozenset(life.key for life in listening if life.key not in parents)
