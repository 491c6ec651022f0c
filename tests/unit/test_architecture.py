"""Rules about the shape of the package that neither ruff nor import-linter can state."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import FunctionType

import pytest

import leakhunt
from conftest import ROOT, find_interpreters

PACKAGE = Path(leakhunt.__file__).parent
AGENT = sorted((PACKAGE / "agent").rglob("*.py"))
IN_THE_TARGET = [*AGENT, *PACKAGE.glob("targets/stdlib_server.py")]

VISIBLE = {"COMMANDS", "FORMATS", "LOADERS", "PROBES", "RULES", "SAMPLERS", "TARGETS"}
"""Adding one of these things is one file and one line in a tuple of that name."""

OF_OTHERS = {"memory_profiler", "objgraph", "psutil", "pympler", "sitecustomize"}
"""What the agent may import beyond the standard library, inside functions: when it is asked for, or is the target's."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@dataclass(frozen=True)
class Entry:
    """One entry of a visible tuple."""

    name: str
    home: str
    """The module that has it."""


def visible_tuples() -> Iterator[tuple[str, str]]:
    """Module and name of every visible tuple, found without importing anything."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Tuple):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Name) and target.id in VISIBLE:
                    yield module, target.id


def entries_of(module: str, attribute: str) -> list[Entry]:
    package = module.rpartition(".")[0]
    return [read_entry(entry, package) for entry in getattr(importlib.import_module(module), attribute)]


def read_entry(entry: object, package: str) -> Entry:
    """An entry is a function, a noun with a name and functions, a noun named as its module, or (name, module)."""
    if isinstance(entry, tuple):
        return Entry(*entry)
    name = str(getattr(entry, "name", None) or getattr(entry, "__name__", ""))
    return Entry(name, next((function.__module__ for function in functions_of(entry)), f"{package}.{name}"))


def functions_of(entry: object) -> Iterator[FunctionType]:
    values = [getattr(entry, field.name) for field in dataclasses.fields(entry)] if is_dataclass(entry) else [entry]
    return (value for value in values if isinstance(value, FunctionType))


TUPLES = list(visible_tuples())
ENTRIES = [entry for module, attribute in TUPLES for entry in entries_of(module, attribute)]
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.home}-{entry.name}")


def test_there_are_visible_tuples() -> None:
    assert {attribute for _, attribute in TUPLES} >= {"COMMANDS"}


@pytest.mark.parametrize(("module", "attribute"), TUPLES)
def test_names_in_a_visible_tuple_are_unique(module: str, attribute: str) -> None:
    names = [entry.name for entry in entries_of(module, attribute)]
    assert all(names)
    assert len(set(names)) == len(names)


@each_entry
def test_every_entry_of_a_visible_tuple_has_a_file_and_a_unit_test_file(entry: Entry) -> None:
    _, *packages, module = entry.home.split(".")
    assert Path(PACKAGE, *packages, f"{module}.py").is_file()
    assert Path(ROOT, "tests", "unit", *packages, f"test_{module}.py").is_file()


@each_entry
def test_every_entry_of_a_visible_tuple_has_a_heading_in_the_docs(entry: Entry) -> None:
    heading = re.compile(rf"^#+ .*\b{re.escape(entry.name)}\b", re.MULTILINE | re.IGNORECASE)
    assert any(heading.search(page.read_text()) for page in ROOT.glob("docs/**/*.md")), f"no heading has {entry.name}"


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
    assert foreign <= OF_OTHERS
    at_the_top = {name for node in ast.parse(path.read_text()).body for name in imports_of_statement(node)}
    assert not at_the_top & OF_OTHERS


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
