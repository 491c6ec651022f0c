"""The sampler compiled for any Python that has headers, and programs run under it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

NATIVE = ROOT / "leakhunt" / "agent" / "native"
PLAIN = ("-O2", "-DNDEBUG")
SANITIZED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
_ASK = """
import json, sysconfig
print(json.dumps([sysconfig.get_path("include"), sysconfig.get_config_var("EXT_SUFFIX")]))
"""
_RUN = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
module, _, name = sys.argv[2].partition(".")
program = getattr(importlib.import_module("sampler_programs." + module), name)
print(json.dumps(program(**json.loads(sys.argv[3]))))
"""


@lru_cache(maxsize=32)
def built_for(python: Path, flags: tuple[str, ...] = PLAIN) -> Path:
    """The directory with `_sampler` for this Python; skips the test where it cannot be compiled.

    Kept under .cache for as long as the sources are the same.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("There is no C compiler here.")
    includes, suffix = json.loads(output_of([str(python), "-I", "-c", _ASK]))
    if not Path(includes, "Python.h").exists():
        pytest.skip(f"{python} has no headers.")
    sources = sorted(NATIVE.glob("*.[ch]"))
    key = hashlib.sha256(repr((str(python), includes, flags)).encode() + b"".join(map(Path.read_bytes, sources)))
    place = ROOT / ".cache" / "sampler" / key.hexdigest()[:20]
    place.mkdir(parents=True, exist_ok=True)
    module = place / f"_sampler{suffix}"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not module.exists():
            fresh = place / "fresh.so"
            code = [str(path) for path in sources if path.suffix == ".c"]
            command = [
                compiler,
                "-std=c11",
                "-D_GNU_SOURCE",
                "-shared",
                "-fPIC",
                "-fvisibility=hidden",
                *flags,
                *WARNINGS,
            ]
            # CPython's headers are not ours to mend; on Debian a part of them lies beside the others.
            headers = ["-isystem", includes, "-isystem", str(Path(includes).parent)]
            output_of([*command, *headers, *code, "-lm", "-pthread", "-o", str(fresh)])
            fresh.rename(module)
    return place


def run_program(python: Path, name: str, flags: tuple[str, ...] = PLAIN, **values: object) -> Any:
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
