"""Command lines that serve `MODULE:CALLABLE`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.model.run import Caveat
from leakhunt.targets.interpreters import Interpreter, find_interpreter

_APP: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(\))?")
_STDLIB_SERVER: Final = Path(__file__).with_name("stdlib_server.py")
_BIND: Final = (
    "127.0.0.1:0"  # a free port of the kernel's choice, read from /proc afterwards: nobody can take it in between
)


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What to start for an app, and what is to be said about it."""

    command: tuple[str, ...]
    server: str
    """`gunicorn`, `waitress` or `wsgiref`."""
    python: Interpreter
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True)
class _Serving:
    app: str
    workers: int
    threads: int
    chdir: Path
    python: Interpreter


def server_command(
    app: str, *, server: str, workers: int, threads: int, python: str | None, chdir: Path
) -> ServerCommand:
    """How to serve `app` on a free port of 127.0.0.1.

    Where the interpreter has no such server the standard library's takes its place, with a caveat.

    Raises:
        UsageError: `app` is malformed, the server is unknown or cannot have that many processes, no such interpreter.
        TargetError: the interpreter does not run.
    """
    _check(app, server, workers, threads)
    interpreter = find_interpreter(python)
    serving = _Serving(app, workers, threads, chdir, interpreter)
    if server != "wsgiref" and interpreter.packages[server] is None:
        text = f"{interpreter.executable} has no {server}, so the standard library's server ran the app, in one process"
        return ServerCommand(_wsgiref(serving), "wsgiref", interpreter, (Caveat("stdlib-server", text),))
    return ServerCommand(SERVERS[server](serving), server, interpreter)


def _check(app: str, server: str, workers: int, threads: int) -> None:
    if not _APP.fullmatch(app):
        raise UsageError(
            f"{app!r} is not of the form MODULE:CALLABLE",
            "Write for example courseware.wsgi:application, or put the command that serves your app after `--`.",
        )
    if server not in SERVERS:
        raise UsageError(
            f"there is no --server {server}",
            f"Choose one of {', '.join(SERVERS)}, or put the command that serves your app after `--`.",
        )
    if workers < 1 or threads < 1:
        raise UsageError("--workers and --threads count from 1")
    if workers > 1 and server != "gunicorn":
        raise UsageError(
            f"{server} serves from one process, not from {workers}", "Use --threads, or --server gunicorn."
        )


def _gunicorn(serving: _Serving) -> tuple[str, ...]:
    options = ["--bind", _BIND, "--workers", str(serving.workers), "--chdir", str(serving.chdir)]
    # Uploads of hundreds of megabytes hold a sync worker for longer than the usual 30 s.
    options += ["--timeout", "300", "--graceful-timeout", "5"]
    if serving.threads > 1:
        options += ["--threads", str(serving.threads)]
    if serving.python.control_socket:
        options.append("--no-control-socket")
    return (serving.python.executable, "-m", "gunicorn", *options, serving.app)


def _waitress(serving: _Serving) -> tuple[str, ...]:
    options = ["--listen", _BIND, "--threads", str(serving.threads)]
    # waitress refuses bodies above 1 GiB unless told otherwise.
    options += ["--max-request-body-size", str(2**40)]
    if serving.app.endswith("()"):
        options.append("--call")
    return (serving.python.executable, "-m", "waitress", *options, serving.app.removesuffix("()"))


def _wsgiref(serving: _Serving) -> tuple[str, ...]:
    options = ["--bind", _BIND, "--threads", str(serving.threads)]
    return (serving.python.executable, str(_STDLIB_SERVER), *options, serving.app)


SERVERS: Final[Mapping[str, Callable[[_Serving], tuple[str, ...]]]] = {
    "gunicorn": _gunicorn,
    "waitress": _waitress,
    "wsgiref": _wsgiref,
}
"""What `--server` may be, the default first."""
