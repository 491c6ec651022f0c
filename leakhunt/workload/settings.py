"""What a project has written down for leakhunt: `[tool.leakhunt]` in pyproject.toml, or leakhunt.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leakhunt.workload.load import load_workload, read_workload
from leakhunt.workload.scenario import Workload
from leakhunt.workload.table import Document, Table, read_document

FILES: Final = ("leakhunt.toml", "pyproject.toml")
"""Looked for in this order; the first that says anything counts."""
_KEYS: Final = (
    *("target", "workload", "seed", "concurrency", "requests", "env"),
    *("chdir", "server", "workers", "threads", "output"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults for the command line, whose flags win. None is what the file does not say."""

    source: str
    """The file as it was found."""
    target: str | None = None
    workload: Workload | None = None
    seed: int | None = None
    concurrency: int | None = None
    requests: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    chdir: str | None = None
    """Relative to the directory of `source`, as are `output` and a workload file."""
    server: str | None = None
    workers: int | None = None
    threads: int | None = None
    output: str | None = None


def find_settings(directory: Path) -> Settings | None:
    """The settings of the project in `directory`; None if it has none.

    Raises:
        ConfigError: a file cannot be read or has a mistake.
    """
    for name in FILES:
        path = directory / name
        if path.is_file():
            table = _own_table(read_document(path), name)
            if table is not None:
                return _read(table, path)
    return None


def _own_table(document: Document, name: str) -> Table | None:
    root = document.root()
    if name != "pyproject.toml":
        return root
    tool = root.table("tool")
    return None if tool is None else tool.table("leakhunt")


def _read(table: Table, path: Path) -> Settings:
    table.only(*_KEYS)
    return Settings(
        source=str(path),
        target=table.text("target"),
        workload=_workload(table, path),
        seed=table.integer("seed", least=0),
        concurrency=table.integer("concurrency", least=1),
        requests=table.integer("requests", least=1),
        env=table.texts("env"),
        chdir=table.text("chdir"),
        server=table.text("server"),
        workers=table.integer("workers", least=1),
        threads=table.integer("threads", least=1),
        output=table.text("output"),
    )


def _workload(table: Table, path: Path) -> Workload | None:
    value = table.raw("workload")
    if isinstance(value, str):
        file = path.parent / value
        if not file.is_file():
            raise table.error("workload", f"there is no file {value}", "the path is relative to this file")
        return load_workload(file)
    inline = table.table("workload")
    return None if inline is None else read_workload(inline, source=str(path))
