"""Compiles the native sampler for any Python that has headers; `pip install` does it for leakhunt's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import TargetError
from leakhunt.targets.native import SOURCES
from leakhunt.units import Seconds

OPTIMISED: Final = ("-O2", "-DNDEBUG")
_FLAGS: Final = ("-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden")
_TIMEOUT: Final[Seconds] = 120.0
_ASK: Final = """
import json, sysconfig
print(json.dumps([sysconfig.get_path("include"), sysconfig.get_config_var("EXT_SUFFIX")]))
"""


@dataclass(frozen=True, slots=True)
class Tools:
    """What it takes to compile for one Python."""

    compiler: str
    headers: Path
    """The directory that has Python.h."""
    suffix: str
    """How the names of its extensions end."""


def find_tools(python: str) -> Tools:
    """What there is for this interpreter. Raises TargetError, with a hint, if a part is missing."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise TargetError("there is no C compiler here", "On Debian and Ubuntu: sudo apt-get install build-essential")
    headers, suffix = json.loads(_run([python, "-I", "-c", _ASK], "does not tell where its headers are"))
    if not Path(headers, "Python.h").exists():
        raise TargetError(
            f"{python} has no headers: there is no {headers}/Python.h",
            "On Debian and Ubuntu: sudo apt-get install python3-dev",
        )
    return Tools(compiler, Path(headers), suffix)


def build(tools: Tools, into: Path, flags: Sequence[str] = OPTIMISED) -> Path:
    """Compile it into a directory, which is made if need be; the shared object. Raises TargetError if that fails."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    module = into / f"_sampler{tools.suffix}"
    fresh = into / f"fresh-{os.getpid()}.so"
    code = sorted(str(path) for path in SOURCES.glob("*.c"))
    # Not -I: CPython's headers are not ours to mend. On Debian a part of them lies beside the others.
    headers = ["-isystem", str(tools.headers), "-isystem", str(tools.headers.parent)]
    command = [tools.compiler, *_FLAGS, *flags, *headers, *code, "-lm", "-pthread", "-o", str(fresh)]
    try:
        _run(command, "does not compile the native sampler")
        fresh.rename(module)  # whoever loads it finds all of it or nothing
    finally:
        fresh.unlink(missing_ok=True)
    return module


def _run(command: Sequence[str], failure: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetError(f"{command[0]} {failure}: {error}") from error
    if run.returncode != 0:
        raise TargetError(f"{command[0]} {failure}: {run.stderr.strip()[-2000:]}")
    return run.stdout
