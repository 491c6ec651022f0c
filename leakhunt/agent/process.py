"""What a process of the target is: read once, by itself."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SERVERS = (
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "daphne",
    "waitress",
    "uwsgi",
    "cheroot",
    "gevent",
    "werkzeug",
    "runserver",
    "flask",
    "celery",
    "wsgiref",
)


def hello() -> dict[str, Any]:
    """The first frame of an agent."""
    argv = command_line()
    return {
        "hello": "agent",
        "pid": os.getpid(),
        "parent": os.getppid(),
        "started": started(),
        "python": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "server": server(argv),
        "executable": sys.executable or "",
        "argv": argv,
        "gevent": "gevent.monkey" in sys.modules,
    }


def started() -> int:
    """When this process began, in clock ticks since boot: field 22 of its `stat`."""
    with open("/proc/self/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def command_line() -> list[str]:
    """The command as the kernel knows it."""
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def server(argv: list[str]) -> str | None:
    """The server's name, by its command line or by what is loaded."""
    words = [os.path.basename(word) for word in argv[:4]]
    for name in SERVERS:
        if any(word.startswith((name, "py" + name)) for word in words):
            return name
    loaded = {
        "gunicorn.workers": "gunicorn",
        "uvicorn.server": "uvicorn",
        "hypercorn.app_wrappers": "hypercorn",
        "daphne.server": "daphne",
        "waitress.server": "waitress",
        "werkzeug.serving": "werkzeug",
        "wsgiref.simple_server": "wsgiref",
        "uwsgi": "uwsgi",
    }
    return next((name for module, name in loaded.items() if module in sys.modules), None)


def is_uwsgi() -> bool:
    """Whether this is uwsgi, which forks in C: a thread in its master makes respawned workers hang."""
    words = [os.path.basename(word) for word in command_line()[:4]]
    # Distributions call the program uwsgi_python3, uwsgi-core and the like.
    return any(word in {"uwsgi", "pyuwsgi"} for word in words) or "".join(words[:1]).startswith("uwsgi")


def uwsgi_callable(argv: list[str]) -> tuple[str, str] | None:
    """Module and attribute that uwsgi is told to serve, where its command line says so."""
    module = name = None
    for position, word in enumerate(argv):
        option, equals, value = word.partition("=")
        if not equals:
            value = argv[position + 1] if position + 1 < len(argv) else ""
        if option in {"-w", "--module", "--wsgi"}:
            module = value
        elif option == "--callable":
            name = value
    if module is None:
        return None
    module, _, attribute = module.partition(":")
    return module, name or attribute or "application"


def temp_dir() -> str:
    """Where `tempfile` would put its files, without loading it."""
    chosen = getattr(sys.modules.get("tempfile"), "tempdir", None)
    if isinstance(chosen, str):
        return chosen
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.path.isdir(os.environ.get(name, "")):
            return os.environ[name]
    return "/tmp"  # noqa: S108  # only reported, nothing is written there
