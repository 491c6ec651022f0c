"""The Python that runs the target: found from `--python`, and asked what it has."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from leakhunt.errors import TargetError, UsageError
from leakhunt.units import Seconds

OLDEST: Final = (3, 8)
_TIMEOUT: Final[Seconds] = 30.0
_PROBE: Final = """
import importlib.util, json, os, platform, sys
try:
    from importlib.metadata import version
except ImportError:
    version = lambda name: None
def installed(name):
    try:
        return version(name) if importlib.util.find_spec(name) else None
    except Exception:
        return None
def setting(name):
    try:
        folder = os.path.dirname(importlib.util.find_spec('gunicorn').origin)
        with open(os.path.join(folder, 'config.py')) as source:
            return name in source.read()
    except Exception:
        return False
print(json.dumps({
    'executable': sys.executable,
    'version': platform.python_version(),
    'implementation': platform.python_implementation(),
    'packages': {name: installed(name) for name in sys.argv[1:]},
    'control_socket': setting('no-control-socket'),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python installation or virtual environment."""

    executable: str
    version: str
    """`3.11.7`."""
    implementation: str
    """`CPython`, `PyPy`."""
    packages: dict[str, str | None]
    """Versions of the packages that were asked for; None where one cannot be imported."""
    control_socket: bool
    """Whether its gunicorn would open a control socket in the user's home."""


def find_interpreter(python: str | None, option: str = "--python") -> Interpreter:
    """The interpreter meant by an option: a program or a virtual environment; leakhunt's own if None.

    Raises:
        UsageError: there is none, or it is older than leakhunt supports.
        TargetError: it does not run.
    """
    found = probe(sys.executable if python is None else _program(python, option), "gunicorn", "waitress")
    if tuple(int(part) for part in found.version.split(".")[:2]) < OLDEST:
        raise UsageError(
            f"{option} {python} is Python {found.version}; targets need at least {'.'.join(map(str, OLDEST))}"
        )
    return found


@lru_cache
def probe(executable: str, *packages: str) -> Interpreter:
    """Ask an interpreter, in a process of its own, what it is and which packages it has.

    Raises:
        TargetError: it does not run, or is no Python 3.
    """
    try:
        answer = subprocess.run(
            # -I: neither leakhunt's directory nor PYTHONPATH decide what the environment itself has.
            [executable, "-I", "-c", _PROBE, *packages],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
        return Interpreter(**json.loads(answer.stdout))
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None)
        last = detail.decode(errors="replace").strip().splitlines()[-1:] if detail else [str(error)]
        raise TargetError(f"{executable} does not work as a Python 3 interpreter: {' '.join(last)}") from error


def _program(python: str, option: str) -> str:
    path = Path(python).expanduser()
    if path.is_dir():
        if (path / "bin" / "python").exists():
            return str((path / "bin" / "python").absolute())
        raise UsageError(
            f"{option} {python} is a directory without bin/python", "Name an interpreter or a virtual environment."
        )
    found = shutil.which(python) or shutil.which(path)
    if found is None:
        raise UsageError(
            f"there is no interpreter {python}", f"Give {option} a program or a virtual environment's directory."
        )
    return str(Path(found).absolute())
