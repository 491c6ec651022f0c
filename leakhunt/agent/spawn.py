"""Which programs started by the target get an agent, and how it gets into them.

A process that replaces itself stays part of the server (`uv run`, a shell script, gunicorn's re-execution), and so
does the same program started again (a reloader, a `multiprocessing` child). Every other program starts as if there
were no agent.
"""

from __future__ import annotations

import os
import sys

from leakhunt.agent.journal import note
from leakhunt.agent.originals import get_ident
from leakhunt.agent.patches import PATCHES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


class Spawning:
    """How this process was started, to compare others with."""

    directory = ""
    own_pid = 0
    """The process that was launched or spawned; forked children have another pid."""
    command: tuple[str, ...] = ()
    preparing = 0
    """The thread that starts a program just now: what its `preexec_fn` runs in is no process of the server."""


def install(directory: str, command: list[str]) -> None:
    """Wrap what starts programs from `os`; `_posixsubprocess` and `subprocess` are wrapped when they are imported."""
    Spawning.directory = directory
    Spawning.own_pid = os.getpid()
    Spawning.command = tuple(command)
    PATCHES.wrap(os, "execv", lambda original: _execv(original, os.execve))
    PATCHES.wrap(os, "execve", _execve)
    PATCHES.wrap(os, "posix_spawn", _posix_spawn)
    PATCHES.wrap(os, "posix_spawnp", _posix_spawn)


def fork_exec(module: ModuleType) -> None:
    """What `subprocess` and `multiprocessing` start programs with."""
    PATCHES.wrap(module, "fork_exec", _fork_exec)


def subprocess_fork_exec(module: ModuleType) -> None:
    """Python 3.11 and later keep a reference of their own, taken before ours if it was imported first."""
    ours = getattr(sys.modules.get("_posixsubprocess"), "fork_exec", None)
    if hasattr(module, "_fork_exec") and module._fork_exec is not ours:
        PATCHES.wrap(module, "_fork_exec", _fork_exec)


def is_preparing() -> bool:
    """Whether this is a child that is about to become another program."""
    return bool(Spawning.preparing == get_ident())


def same_program(arguments: Any) -> bool:
    """Whether this command starts the program that this process runs, or a `multiprocessing` child of it."""
    words = [os.fsdecode(word) for word in arguments]
    if "--multiprocessing-fork" in words:
        return True
    own = list(Spawning.command)
    if not words or len(own) < 2 or not _same_file(words[0], own[0]):
        return False
    if own[1:] == words[1:]:
        return True
    tail = sys.argv[1:]
    if tail and words[-len(tail) :] != tail:
        return False
    head = words[1 : len(words) - len(tail)]
    if "-m" in own and "-m" in head:
        return own[own.index("-m") + 1] == head[head.index("-m") + 1]
    return bool(head) and bool(sys.argv[0]) and _same_file(head[-1], sys.argv[0])


def with_boot(environment: Any) -> Any:
    """A copy of a mapping of environment variables (text or bytes), with our directory first on PYTHONPATH."""
    copy = dict(environment)
    binary = any(isinstance(key, bytes) for key in copy)
    key: Any = b"PYTHONPATH" if binary else "PYTHONPATH"
    directory: Any = os.fsencode(Spawning.directory) if binary else Spawning.directory
    colon: Any = b":" if binary else ":"
    copy[key] = directory + colon + copy[key] if key in copy else directory
    return copy


def _replaces_itself(arguments: Any) -> bool:
    return os.getpid() == Spawning.own_pid or same_program(arguments)


def _execv(original: Any, execve: Any) -> Callable[..., Any]:
    def execv(path: Any, argv: Any) -> Any:
        environment = _safely(_replaces_itself, argv, os.environ)
        return original(path, argv) if environment is None else execve(path, argv, environment)

    return execv


def _execve(original: Any) -> Callable[..., Any]:
    def execve(path: Any, argv: Any, env: Any) -> Any:
        environment = _safely(_replaces_itself, argv, env)
        return original(path, argv, env if environment is None else environment)

    return execve


def _posix_spawn(original: Any) -> Callable[..., Any]:
    def posix_spawn(path: Any, argv: Any, env: Any, *args: Any, **kwargs: Any) -> Any:
        environment = _safely(same_program, argv, env)
        return original(path, argv, env if environment is None else environment, *args, **kwargs)

    return posix_spawn


def _fork_exec(original: Any) -> Callable[..., Any]:
    def fork_exec(*args: Any) -> Any:
        Spawning.preparing = get_ident()
        try:
            return original(*_with_boot_list(args))
        finally:
            Spawning.preparing = 0

    return fork_exec


def _with_boot_list(args: Any) -> Any:
    """The arguments of `_posixsubprocess.fork_exec`: the sixth is a list of `name=value`, None for our environment."""
    try:
        if not same_program(args[0]):
            return args
        pairs = os.environb if args[5] is None else dict(pair.split(b"=", 1) for pair in args[5])
        listed = [name + b"=" + value for name, value in with_boot(pairs).items()]
        return (*args[:5], listed, *args[6:])
    except Exception:
        note("fork_exec")
        return args


def _safely(belongs: Callable[[Any], bool], argv: Any, environment: Any) -> Any:
    """The environment with our directory in it; None where the call is to go through as it is, invalid ones too."""
    try:
        return with_boot(environment) if belongs(argv) else None
    except Exception:
        note("spawn")
        return None


def _same_file(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
