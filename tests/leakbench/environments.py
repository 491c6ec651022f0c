"""The virtual environments that the cases run in: one for each set of requirements under each Python."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from leakbench.case import Case, Side

CACHE: Final = Path(__file__).parents[2] / ".cache" / "leakbench"
"""Where environments are kept; git ignores it."""

_STAMP: Final = "leakbench.txt"
"""Written last, so that an environment without it was not finished; what is installed stands in it."""
_SERVERS: Final = {"gunicorn": "gunicorn<24", "waitress": "waitress<3.1", "uwsgi": "uwsgi<2.1"}
"""Requirements of the servers that a case may name; leakhunt picks its own where none is named."""
_INSTALL_TIMEOUT: Final = 1200


class NoEnvironmentError(Exception):
    """A side cannot run on this machine: its interpreter is missing, or its packages cannot be installed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    directory: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    @property
    def packages(self) -> tuple[str, ...]:
        """`name==version` of all that is installed."""
        return tuple(self.stamp.read_text(encoding="utf-8").split())

    @property
    def stamp(self) -> Path:
        """What says that it is complete."""
        return self.directory / _STAMP


def requirements(case: Case, side: Side) -> tuple[str, ...]:
    """What pip installs for a side: what it asks for, and the server."""
    return (*side.requirements, *((_SERVERS[case.server],) if case.server in _SERVERS else ()))


def environment(case: Case, side: Side, *, cache: Path = CACHE, say: Callable[[str], object] = print) -> Environment:
    """The environment of a side, made unless it is there.

    Raises:
        NoEnvironmentError: there is no such Python, or a package cannot be installed.
    """
    wanted = requirements(case, side)
    found = Environment(cache / "venvs" / f"{case.python}-{_digest(case.python, wanted)}")
    if not found.stamp.exists():
        say(f"Making the environment of {case.name} ({side.name}): Python {case.python}, {' '.join(wanted) or 'bare'}")
        _make(found, interpreter(case.python), wanted)
    return found


@lru_cache
def interpreter(version: str) -> Path:
    """A Python of this minor version: pyenv's newest, one on PATH, or the one that runs this.

    Raises:
        NoEnvironmentError: there is none.
    """
    installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    by_age = sorted(installed, key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdecimal()])
    on_path = shutil.which(f"python{version}")
    candidates: list[Path] = [*reversed(by_age), *([Path(on_path)] if on_path else [])]
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        candidates.append(Path(sys.base_prefix, "bin", "python3"))
    for python in candidates:
        # A pyenv shim is on PATH even where its version is not enabled.
        if subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return python
    raise NoEnvironmentError(f"there is no Python {version} here; `pyenv install {version}` makes one")


def _digest(version: str, wanted: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((version, *sorted(wanted))).encode()).hexdigest()[:12]


def _make(environment: Environment, python: Path, wanted: tuple[str, ...]) -> None:
    shutil.rmtree(environment.directory, ignore_errors=True)
    environment.directory.parent.mkdir(parents=True, exist_ok=True)
    _run(str(python), "-m", "venv", str(environment.directory))
    pip = (str(environment.python), "-m", "pip", "--disable-pip-version-check")
    if wanted:
        # Releases of years ago: their wheels run, while their sources often no longer build.
        source = ("--only-binary", ":all:") if not any(name.startswith("uwsgi") for name in wanted) else ()
        _run(*pip, "install", "--quiet", *source, *wanted)
    environment.stamp.write_text(_run(*pip, "freeze"), encoding="utf-8")


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_INSTALL_TIMEOUT)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise NoEnvironmentError(f"{' '.join(command[1:])} failed: {last[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise NoEnvironmentError(f"{' '.join(command[1:])} did not end within {_INSTALL_TIMEOUT} s") from error
    return done.stdout
