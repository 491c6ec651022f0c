"""Rules about the shape of the package that neither ruff nor import-linter can state."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import leakhunt
from conftest import find_interpreters

PACKAGE = Path(leakhunt.__file__).parent
ROOT = PACKAGE.parent
AGENT = sorted((PACKAGE / "agent").rglob("*.py"))
IN_THE_TARGET = [*AGENT, *PACKAGE.glob("targets/stdlib_server.py")]

VISIBLE = {"COMMANDS", "FORMATS", "LOADERS", "PROBES", "RULES", "SAMPLERS", "TARGETS"}
"""Adding one of these things is one file and one line in a tuple of that name."""

SHIPPED_TO_THE_TARGET = {"objgraph", "pympler", "memory_profiler"}
"""What the agent may import beyond the standard library, and only while it runs a command that needs it."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def visible_tuples() -> Iterator[tuple[str, str]]:
    """Module and name of every visible tuple, found without importing anything."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in VISIBLE:
                    yield module, target.id


def names_in(module: str, attribute: str) -> list[str]:
    return [name_of(entry) for entry in getattr(importlib.import_module(module), attribute)]


def name_of(entry: object) -> str:
    if isinstance(entry, str):
        return entry
    return str(getattr(entry, "name", None) or getattr(entry, "__name__", "")).rpartition(".")[2]


TUPLES = list(visible_tuples())
ENTRIES = [(module, name) for module, attribute in TUPLES for name in names_in(module, attribute)]


def test_there_are_visible_tuples() -> None:
    assert {attribute for _, attribute in TUPLES} >= {"COMMANDS"}


@pytest.mark.parametrize(("module", "attribute"), TUPLES)
def test_names_in_a_visible_tuple_are_unique(module: str, attribute: str) -> None:
    names = names_in(module, attribute)
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("module", "name"), ENTRIES)
def test_every_entry_of_a_visible_tuple_has_a_unit_test_file(module: str, name: str) -> None:
    package = module.split(".")[1]
    stem = name.replace("-", "_")
    assert list(ROOT.glob(f"tests/unit/{package}/**/test_{stem}.py")), f"tests/unit/{package}/test_{stem}.py is missing"


@pytest.mark.parametrize(("module", "name"), ENTRIES)
def test_every_entry_of_a_visible_tuple_has_a_heading_in_the_docs(module: str, name: str) -> None:
    heading = re.compile(rf"^#+ .*\b{re.escape(name)}\b", re.MULTILINE | re.IGNORECASE)
    assert any(heading.search(page.read_text()) for page in ROOT.glob("docs/**/*.md")), f"no heading names {name}"


def test_packages_have_empty_init_files() -> None:
    full = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE and path.read_text()]
    assert full == []


def test_importing_leakhunt_imports_nothing_else() -> None:
    question = "import sys; before = set(sys.modules); import leakhunt; print(*sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["leakhunt"]


@pytest.mark.parametrize("path", IN_THE_TARGET, ids=lambda path: path.name)
def test_what_runs_in_the_target_imports_the_standard_library_and_itself(path: Path) -> None:
    foreign = {
        name
        for name in imports(ast.parse(path.read_text()))
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith("leakhunt.agent")
    }
    assert foreign <= SHIPPED_TO_THE_TARGET
    at_the_top = {name for node in ast.parse(path.read_text()).body for name in imports_of_statement(node)}
    assert not at_the_top & SHIPPED_TO_THE_TARGET


def imports_of_statement(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from imports(node)


@pytest.mark.parametrize("version", find_interpreters())
def test_what_runs_in_the_target_compiles_there_without_a_warning(version: str) -> None:
    program = "import sys\nfor name in sys.argv[1:]: compile(open(name, encoding='utf-8').read(), name, 'exec')"
    command = [str(find_interpreters()[version]), "-I", "-W", "error", "-c", program, *map(str, IN_THE_TARGET)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_no_file_is_too_long_to_be_read_at_one_go() -> None:
    long = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py") if len(path.read_text().splitlines()) > 400}
    assert long == set()
