"""Which web apps a directory holds, read from its files: nothing of the project is imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SKIPPED: Final = frozenset({"node_modules", "site-packages", "build", "dist", "docs", "tests", "test", "migrations"})
_MOST_FILES: Final = 5_000
_CLASSES: Final = {"Flask": "Flask", "FastAPI": "FastAPI", "Starlette": "Starlette", "Quart": "Quart"}
"""What a module-level app is made by, and the framework."""
_ASGI: Final = frozenset({"FastAPI", "Starlette", "Quart"})


@dataclass(frozen=True, slots=True)
class FoundApp:
    """An app, as far as its source tells."""

    framework: str
    target: str
    """`MODULE:CALLABLE`, as seen from the directory."""
    file: str
    """Where it was found, from the directory."""

    @property
    def is_asgi(self) -> bool:
        """Whether it takes a server of its own, as uvicorn."""
        return self.framework in _ASGI


def find_apps(directory: Path) -> tuple[FoundApp, ...]:
    """Django's WSGI modules first, then apps that modules make, those nearest to the directory first."""
    found = [app for file in _sources(directory) for app in _apps_in(file, directory)]
    return tuple(sorted(found, key=lambda app: (app.framework != "Django", app.target.count("."), app.target)))


def _sources(directory: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(directory):
        # A folder with pyvenv.cfg is a virtual environment, whatever it is called.
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED and name[0] not in "._" and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith("test_"):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(folder) / name


def _apps_in(file: Path, directory: Path) -> Iterator[FoundApp]:
    try:
        source = file.read_text(encoding="utf-8")
        if not any(name in source for name in (*_CLASSES, "get_wsgi_application")):
            return
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    place = file.relative_to(directory)
    module = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
    for name, maker in _made(tree):
        framework = "Django" if maker == "get_wsgi_application" else _CLASSES.get(maker)
        if framework is not None:
            yield FoundApp(framework, f"{module}:{name}", place.as_posix())


def _made(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that the module itself binds to the result of a call, and what is called."""
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        value = getattr(statement, "value", None)
        if targets and isinstance(value, ast.Call):
            called = value.func
            maker = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            yield from ((target.id, maker) for target in targets if isinstance(target, ast.Name))
