"""Runs a probe in a process of its own, under any Python, as the snapshot child would run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from conftest import ROOT, find_interpreters

_PYTHONS: Final = find_interpreters()
each_interpreter = pytest.mark.parametrize("python", _PYTHONS.values(), ids=_PYTHONS.keys())
with_mimalloc = pytest.mark.parametrize(
    "python",
    [
        pytest.param(python, id=version)
        for version, python in _PYTHONS.items()
        if tuple(map(int, version.split("."))) >= (3, 13)
    ],
)
"""Interpreters that bring an allocator of their own for small objects."""
_ENDS: Final = dict(list(_PYTHONS.items())[:1] + list(_PYTHONS.items())[-1:])
oldest_and_newest = pytest.mark.parametrize("python", _ENDS.values(), ids=_ENDS.keys())

_PRELUDE: Final = """
import gc, json, sys, types
sys.path.insert(0, {root!r})
from leakhunt.agent.child import Scene
from leakhunt.agent.journal import problems
given = json.load(sys.stdin)
gc.collect()
gc.disable()
def scene():
    return Scene(sys.getallocatedblocks(), gc.get_objects())
"""


def run_inside(python: Path, program: str, given: object = None, env: Mapping[str, str] | None = None) -> Any:
    """What `program` prints, as JSON. It finds `given`, `scene()` and the agent's `problems`."""
    script = _PRELUDE.format(root=str(ROOT)) + program
    command = [str(python), "-W", "error", "-c", script]
    answer = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=30, env=env or {}
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)
