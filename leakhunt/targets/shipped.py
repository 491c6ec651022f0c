"""The libraries that work in the snapshot child: read here, where they are installed, and sent along as text."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Final

from leakhunt.errors import AgentError

MODULES: Final = {"objgraph": "objgraph", "asizeof": "pympler.asizeof"}
"""Name in the child -> name here."""


@functools.cache
def source(name: str) -> str:
    """Text of a shipped module. It is not imported: objgraph would look for programs that draw graphs."""
    spec = importlib.util.find_spec(MODULES[name])
    if spec is None or spec.origin is None:
        raise AgentError(
            f"{MODULES[name]} is not installed beside leakhunt", "Install leakhunt again: pip install leakhunt-memory"
        )
    return Path(spec.origin).read_text(encoding="utf-8")
