"""The tools, each as its own documentation has it used, and what shows that its code has run in the target."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "side_by_side"
"""Where their environments are kept; git ignores it."""

_SERVER: Final = "gunicorn<24"
_GDB: Final = "gdb-for-pwndbg"
"""The newest gdb that a package registry has. A program of its own (GPL), which nothing of ours contains or imports."""
_INSTALL_LIMIT: Final = 600
_ATTACH: Final = """
import sys, tempfile
from pathlib import Path
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach

with tempfile.TemporaryDirectory() as place, AgentHub(Path(place) / "s") as hub:
    link = attach(int(sys.argv[1]), hub, timeout=float(sys.argv[3])).link
    link.heap()
    Path(sys.argv[2]).write_text(str(link.hello.pid))
    link.detach()
"""


class MissingError(Exception):
    """A tool cannot be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a tool is to do."""

    pid: int
    python: Path
    """Of the tool's environment, which the target runs on as well."""
    place: Path
    """A directory of its own."""
    port: int
    """A free one."""
    limit: float
    """Seconds that it has."""

    @property
    def marker(self) -> Path:
        """A file for the target to write its pid into."""
        return self.place / "marker"

    @property
    def payload(self) -> str:
        """Python that writes it."""
        return f"import os; open({str(self.marker)!r}, 'w').write(str(os.getpid()))"


@dataclass(frozen=True, slots=True)
class Tool:
    """One of them."""

    name: str
    packages: tuple[str, ...]
    """What pip installs for it."""
    command: Callable[[Errand], tuple[str, ...]]
    proof: Callable[[Errand], bool]
    """Whether its code has run in the target."""
    needs_gdb: bool = False


def marked(errand: Errand) -> bool:
    """Whether the target has written its pid."""
    with suppress(OSError):
        return errand.marker.read_text() == str(errand.pid)
    return False


def _leakhunt(errand: Errand) -> tuple[str, ...]:
    return (sys.executable, "-c", _ATTACH, str(errand.pid), str(errand.marker), str(errand.limit))


def _memray(errand: Errand) -> tuple[str, ...]:
    return (str(errand.python), "-m", "memray", "attach", "-o", str(errand.marker), str(errand.pid))


def _recorded(errand: Errand) -> bool:
    """Whether the target, which has to open that file itself, has begun to record its allocations."""
    with suppress(OSError):
        return errand.marker.stat().st_size > 0
    return False


def _pyrasite(errand: Errand) -> tuple[str, ...]:
    payload = errand.place / "payload.py"
    payload.write_text(errand.payload)
    return (str(errand.python.with_name("pyrasite")), str(errand.pid), str(payload))


def _hypno(errand: Errand) -> tuple[str, ...]:
    return (str(errand.python), "-m", "hypno", str(errand.pid), errand.payload)


def _debugpy(errand: Errand) -> tuple[str, ...]:
    return (str(errand.python), "-m", "debugpy", "--listen", f"127.0.0.1:{errand.port}", "--pid", str(errand.pid))


def _listens(errand: Errand) -> bool:
    """Whether a debug adapter listens at the port: it is started by what runs in the target, and by nobody else.

    Nobody connects to it: the target is to meet no client that comes and goes.
    """
    listening = f" 0100007F:{errand.port:04X} 00000000:0000 0A "
    return listening in Path("/proc/net/tcp").read_text()


TOOLS: Final = (
    Tool("leakhunt", (), _leakhunt, marked),
    Tool("memray attach", ("memray",), _memray, _recorded, needs_gdb=True),
    Tool("pyrasite", ("pyrasite",), _pyrasite, marked, needs_gdb=True),
    Tool("hypno", ("hypno",), _hypno, marked),
    Tool("debugpy", ("debugpy",), _debugpy, _listens, needs_gdb=True),
)


@dataclass(frozen=True, slots=True)
class Gdb:
    """A gdb on this machine."""

    version: str
    directory: Path
    """To be searched first for programs."""


@cache
def environment(python: Path, packages: tuple[str, ...]) -> Path:
    """The interpreter of an environment with these packages and a server, made unless it is there.

    Raises:
        MissingError: pip cannot install them there.
    """
    name = hashlib.sha256("\n".join((str(python), _SERVER, *packages)).encode()).hexdigest()[:12]
    directory = CACHE / name
    made = directory / "bin" / "python"
    if not (directory / "installed.txt").exists():
        shutil.rmtree(directory, ignore_errors=True)
        _run(str(python), "-m", "venv", str(directory))
        pip = (str(made), "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", *((_SERVER, *packages) if packages != (_GDB,) else packages))
        (directory / "installed.txt").write_text(_run(*pip, "freeze"), encoding="utf-8")
    return made


def installed(python: Path, package: str) -> str:
    """`name version` of what an environment has."""
    listed = (python.parents[1] / "installed.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==(\S+)$", listed, re.MULTILINE)
    return f"{package} {found[1]}" if found else package


def find_gdbs() -> tuple[Gdb, ...]:
    """The newest gdb that can be installed, then the system's own, unless they are the same."""
    found: dict[str, Gdb] = {}
    try:
        newest = [environment(Path(sys.executable), (_GDB,)).parent]
    except MissingError as error:
        print(f"No newer gdb: {error}", file=sys.stderr)
        newest = []
    on_path = shutil.which("gdb")
    for directory in (*newest, *([Path(on_path).parent] if on_path else [])):
        with suppress(MissingError):
            words = _run(str(directory / "gdb"), "--version").splitlines()[0].split()
            found.setdefault(words[-1], Gdb(words[-1], directory))
    return tuple(found.values())


def search_path(gdb: Gdb | None) -> dict[str, str]:
    """The environment in which a tool finds this gdb."""
    return {**os.environ, "PATH": os.pathsep.join([*([str(gdb.directory)] if gdb else []), os.environ["PATH"]])}


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_INSTALL_LIMIT).stdout
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise MissingError(f"{' '.join(command[-2:])} failed: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{' '.join(command[-2:])} failed: {error}") from error
