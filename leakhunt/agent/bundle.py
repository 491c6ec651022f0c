"""Controller side: writes the directory through which the agent gets into a launched process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

PRIVATE = "_leakhunt_agent"
"""Name of the agent's package in the target, where a real leakhunt may be installed as well."""

MODULES = (
    "journal",
    "originals",
    "wire",
    "routes",
    "counters",
    "middleware",
    "patches",
    "process",
    "servers",
    "frameworks",
    "spawn",
    "forks",
    "hooks",
    "lines",
    "headroom",
    "clone",
    "probes",
    "probes.tcache",
    "probes.mallocs",
    "probes.heap",
    "extensions",
    "operations",
    "gauges",
    "entries",
    "watch",
    "stacks",
    "child",
    "commands",
    "control",
    "probes.shipped",
    "probes.met",
    "probes.names",
    "probes.walk",
    "probes.natives",
    "probes.plans",
    "probes.outside",
    "probes.census",
    "probes.mappings",
    "probes.owned",
    "probes.layout",
    "probes.sites",
    "probes.paths",
    "probes.caps",
    "probes.deadline",
    "probes.holders",
)
"""Everything that travels; a module may import those above it."""


def write_boot(directory: Path, socket: Path, *, functions: Sequence[str] = ()) -> None:
    """Write a `sitecustomize.py` into `directory` that starts an agent and has it connect to `socket`.

    A process gets the agent when `directory` stands first on its PYTHONPATH. `functions` are measured line by line.
    Raises OSError if it cannot be written.
    """
    values = {
        'DIRECTORY = ""': f"DIRECTORY = {os.path.abspath(directory)!r}",
        'SOCKET = ""': f"SOCKET = {os.path.abspath(socket)!r}",
        "SOURCES: dict[str, str] = {}": f"SOURCES = {sources()!r}",
        "FUNCTIONS: tuple[str, ...] = ()": f"FUNCTIONS = {tuple(functions)!r}",
    }
    text = _private(_read("bootstrap"))
    for line, filled in values.items():
        if text.count(line) != 1:
            raise ValueError(f"the bootstrap has no line {line!r}")
        text = text.replace(line, filled)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "sitecustomize.py").write_text(text, encoding="utf-8")


def sources() -> dict[str, str]:
    """The agent's modules as the target knows them: private name -> text."""
    found = {PRIVATE: ""}
    for name in MODULES:
        found[f"{PRIVATE}.{name}"] = _private(_read(name))
    return found


def _read(name: str) -> str:
    place = Path(__file__).parent / name.replace(".", "/")
    if place.is_dir():
        return ""
    return place.with_suffix(".py").read_text(encoding="utf-8")


def _private(text: str) -> str:
    return text.replace("leakhunt.agent", PRIVATE)
