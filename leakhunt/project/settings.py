"""What a project has written down for leakhunt: `[tool.leakhunt]` in pyproject.toml, or leakhunt.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leakhunt.model.budget import Budget
from leakhunt.model.gate import Budgets
from leakhunt.model.run import Effort
from leakhunt.project.limits import read_budget, read_budgets
from leakhunt.units import Bytes, Seconds, format_size, parse_size
from leakhunt.workload.bounds import (
    LEAST_MEMORY,
    LONGEST_BUDGET,
    LONGEST_WAIT,
    MOST_MEMORY,
    MOST_REQUESTS,
    MOST_SEED,
    MOST_WORKERS,
)
from leakhunt.workload.load import load_workload, read_headers, read_path, read_workload
from leakhunt.workload.scenario import Workload
from leakhunt.workload.table import Document, Table, read_document

FILES: Final = ("leakhunt.toml", "pyproject.toml")
"""Looked for in this order; the first that says anything counts."""
_KEYS: Final = (
    *("target", "workload", "seed", "concurrency", "requests", "env", "headers"),
    *("chdir", "server", "workers", "threads", "python", "url", "ready", "ready-timeout"),
    *("budget-time", "memory-limit", "output", "budget", "effort"),
    *("budgets", "known", "reference", "reports", "scan"),
)
REPORTS: Final = ("junit", "sarif", "codequality", "gitlab-metrics", "markdown", "json")
"""Files that a check may write, by option."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """`[tool.leakhunt.scan]`: defaults of `leakhunt scan`."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Added to what is skipped anyway."""


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
    python: str | None = None
    url: str | None = None
    ready: str | None = None
    ready_timeout: Seconds | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    budget_time: Seconds | None = None
    memory_limit: Bytes | None = None
    output: str | None = None
    """Directory in which runs are named."""
    budget: Budget | None = None
    effort: Effort | None = None
    budgets: Budgets = field(default_factory=Budgets)
    known: str | None = None
    """File of known leaks."""
    reference: str | None = None
    """File, or run, that a check compares with."""
    reports: Mapping[str, str] = field(default_factory=dict)
    """Files to write, by the names in `REPORTS`."""
    scan: ScanSettings = ScanSettings()

    def beside(self, path: str) -> Path:
        """A path as the file means it: relative to itself."""
        return Path(self.source).parent / path


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
    """`[tool.leakhunt]`; in a file of our own the keys may stand by themselves."""
    root = document.root()
    if name != "pyproject.toml":
        if "tool" not in root:
            return root
        if len(root.items()) > 1:
            raise root.error("tool", "cannot stand beside other keys", "put all of them below [tool.leakhunt], or none")
    tool = root.table("tool")
    return None if tool is None else tool.table("leakhunt")


def _read(table: Table, path: Path) -> Settings:
    table.only(*_KEYS)
    return Settings(
        source=str(path),
        target=table.named("target"),
        workload=_workload(table, path),
        seed=table.integer("seed", least=0, most=MOST_SEED),
        concurrency=table.integer("concurrency", least=1, most=MOST_WORKERS),
        requests=table.integer("requests", least=1, most=MOST_REQUESTS),
        env=table.texts("env"),
        chdir=table.named("chdir"),
        server=table.named("server"),
        workers=table.integer("workers", least=1, most=MOST_WORKERS),
        threads=table.integer("threads", least=1, most=MOST_WORKERS),
        python=_program(table, path.parent),
        url=table.named("url"),
        ready=_ready(table),
        ready_timeout=_seconds(table, "ready-timeout", LONGEST_WAIT),
        headers=read_headers(table),
        budget_time=_seconds(table, "budget-time", LONGEST_BUDGET),
        memory_limit=_memory(table),
        output=table.named("output"),
        budget=read_budget(table, "budget"),
        effort=_effort(table),
        budgets=read_budgets(table),
        known=table.named("known"),
        reference=table.named("reference"),
        reports=_reports(table),
        scan=_scan(table),
    )


def _reports(table: Table) -> Mapping[str, str]:
    reports = table.table("reports")
    if reports is None:
        return {}
    reports.only(*REPORTS)
    return {name: path for name in REPORTS if (path := reports.named(name)) is not None}


def _scan(table: Table) -> ScanSettings:
    scan = table.table("scan")
    if scan is None:
        return ScanSettings()
    scan.only("select", "ignore", "exclude")
    return ScanSettings(select=scan.names("select"), ignore=scan.names("ignore"), exclude=scan.names("exclude"))


def _program(table: Table, directory: Path) -> str | None:
    """What `python` names: a path beside the file, or a program wherever programs are found."""
    python = table.named("python")
    return python if python is None or "/" not in python else str(directory / Path(python).expanduser())


def _ready(table: Table) -> str | None:
    ready = table.text("ready")
    return None if ready is None else read_path(table, ready, "ready")


def _seconds(table: Table, key: str, most: Seconds) -> Seconds | None:
    return table.number(key, 60.0, least=1.0, most=most) if key in table else None


def _memory(table: Table) -> Bytes | None:
    value = table.raw("memory-limit")
    if value is None:
        return None
    try:
        limit = value if type(value) is int else parse_size(table.required("memory-limit", 'memory-limit = "2GB"'))
    except (ValueError, OverflowError) as error:
        raise table.error("memory-limit", "is no size", 'write for example memory-limit = "2GB"') from error
    if not LEAST_MEMORY <= limit <= MOST_MEMORY:
        least = format_size(LEAST_MEMORY)
        raise table.error("memory-limit", f"must be at least {least}, and no more than machines have")
    return limit


def _effort(table: Table) -> Effort | None:
    text = table.text("effort")
    try:
        return None if text is None else Effort(text)
    except ValueError as error:
        words = ", ".join(effort.value for effort in Effort)
        raise table.error("effort", f"{text!r} is not one of {words}", 'write effort = "strict"') from error


def _workload(table: Table, path: Path) -> Workload | None:
    value = table.raw("workload")
    if isinstance(value, str):
        file = path.parent / value
        if not file.is_file():
            raise table.error("workload", f"there is no file {value}", "the path is relative to this file")
        return load_workload(file)
    inline = table.table("workload")
    return None if inline is None else read_workload(inline, source=str(path))
