"""Controller side: writes the directory through which the agent gets into a launched process."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from pathlib import Path

PRIVATE = "_leakhunt_agent"
"""Name of the agent's package in the target, where a real leakhunt may be installed as well."""

MODULES = (
    "arrival",
    "journal",
    "originals",
    "wire",
    "routes",
    "counters",
    "middleware",
    "asgi",
    "patches",
    "swaps",
    "tasks",
    "process",
    "servers",
    "frameworks",
    "spawn",
    "forks",
    "hooks",
    "sightings",
    "serving",
    "trampoline",
    "hooking",
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
    "brought",
    "sampling",
    "commands",
    "departure",
    "control",
    "probes.shipped",
    "probes.met",
    "probes.names",
    "probes.walk",
    "probes.natives",
    "probes.plans",
    "probes.outside",
    "probes.referents",
    "probes.graph",
    "probes.census",
    "probes.inventory",
    "probes.mappings",
    "probes.owned",
    "probes.layout",
    "probes.sites",
    "probes.paths",
    "probes.ages",
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
        'HOLDER = ""': f"HOLDER = {who_we_are()!r}",
        "FUNCTIONS: tuple[str, ...] = ()": f"FUNCTIONS = {tuple(functions)!r}",
    }
    text = _private(_read("bootstrap"))
    for line, filled in values.items():
        if text.count(line) != 1:
            raise ValueError(f"the bootstrap has no line {line!r}")
        text = text.replace(line, filled)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "sitecustomize.py").write_text(text, encoding="utf-8")


def who_we_are() -> str:
    """This controller in words, for others that want to observe the same process: `PID 4711 (leakhunt profile ...)`."""
    words = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return f"PID {os.getpid()} ({words[:80]})"


def arrival_text(offers: Sequence[tuple[str, object]], token: str) -> str:
    """One line of Python that lets the agent into the process that runs it: by the first of `offers` that works.

    The ways are those of `arrival.meet`. `token` is unguessable and proves who it is that meets.
    """
    text = f"{_bare(_private(_read('arrival')))}\narrive({list(offers)!r}, {token!r}, {who_we_are()!r})\n"
    # In a namespace of its own: what is injected runs in the app's `__main__`.
    return f"exec({text!r}, {{'__name__': {PRIVATE + '.arrival'!r}}})"


def sources() -> dict[str, str]:
    """The agent's modules as the target knows them: private name -> text."""
    found = {PRIVATE: ""}
    for name in MODULES:
        found[f"{PRIVATE}.{name}"] = _private(_read(name))
    return found


def _bare(text: str) -> str:
    """The code without documentation and annotations: these need `__future__`, and would be loaded for our sake."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [each for each in map(_bare_statement, node.body) if each is not None] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(ast.fix_missing_locations(tree))


def _bare_statement(node: ast.stmt) -> ast.stmt | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return None
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return None
    if isinstance(node, ast.AnnAssign):
        return None if node.value is None else ast.Assign([node.target], node.value)
    return node


def _read(name: str) -> str:
    place = Path(__file__).parent / name.replace(".", "/")
    if place.is_dir():
        return ""
    return place.with_suffix(".py").read_text(encoding="utf-8")


def _private(text: str) -> str:
    return text.replace("leakhunt.agent", PRIVATE)
