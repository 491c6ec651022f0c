"""The sampler compiled for any Python that has headers, and programs run under it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from leakhunt.errors import TargetError
from leakhunt.targets.native import cache
from leakhunt.targets.native_build import OPTIMISED, build, find_tools

SANITIZED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
_RUN = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
module, _, name = sys.argv[2].partition(".")
program = getattr(importlib.import_module("sampler_programs." + module), name)
print(json.dumps(program(**json.loads(sys.argv[3]))))
"""


@lru_cache(maxsize=32)
def built_for(python: Path, flags: tuple[str, ...] = OPTIMISED) -> Path:
    """The directory with `_sampler` for this Python; skips the test where it cannot be compiled.

    Kept under .cache for as long as the sources are the same.
    """
    try:
        tools = find_tools(str(python))
    except TargetError as missing:
        pytest.skip(missing.message)
    key = hashlib.sha256(repr((tools, flags)).encode()).hexdigest()[:12]
    place = ROOT / ".cache" / "sampler" / f"{cache().name}-{key}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / f"_sampler{tools.suffix}").exists():
            build(tools, place, (*flags, *WARNINGS))
    return place


def run_program(python: Path, name: str, flags: tuple[str, ...] = OPTIMISED, **values: object) -> Any:
    """What a function of `sampler_programs` (`module.function`) returns in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if flags == SANITIZED:
        environment |= {
            "LD_PRELOAD": output_of(["gcc", "-print-file-name=libasan.so"]).strip(),
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # CPython itself leaves memory to the end of the process
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",  # pymalloc's blocks would be outside of the sanitizer's knowledge
        }
    paths = json.dumps([str(built_for(python, flags)), str(ROOT / "tests")])
    command = [str(python), "-s", "-W", "error", "-c", _RUN, paths, name, json.dumps(values)]
    return json.loads(output_of(command, environment))


def output_of(command: list[str], environment: dict[str, str] | None = None) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, f"{' '.join(command[:3])} ... ended with {run.returncode}:\n{run.stderr[-8000:]}"
    return run.stdout
