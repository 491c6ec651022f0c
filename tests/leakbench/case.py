"""A case of leakbench: one program in two versions, and what is true of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.workload.table import Table, read_document

CASES: Final = Path(__file__).with_name("cases")
"""One directory per case."""

ORIGINS: Final = ("release", "application", "trap", "seeded")
SIDES: Final = ("leaky", "fixed")
VERDICTS: Final = ("LEAK", "BOUNDED", "CLEAN")
CAUSES: Final = (
    "python-objects",
    "cycles",
    "native",
    "mapped-by-interpreter-or-extension",
    "allocator-retention",
    "fragmentation",
    "threads",
    "descriptors",
    "temporary-files",
    "bounded-cache",
    "copy-on-write",
    "interpreter-regression",
    "transient-peak",
    "unexplained",
)
SIGNALS: Final = ("live", "anonymous", "threads", "descriptors", "temp_files")
RESOURCES: Final = ("threads", "descriptors", "temp_files")
_SERVERS: Final = ("gunicorn", "waitress", "wsgiref", "uwsgi", "celery")
_CASE_KEYS: Final = (
    *("title", "origin", "python", "requests", "workload", "server", "command", "workers", "threads", "concurrency"),
    *("held_out", "gc_disabled", "sources", "notes", "axes", *SIDES),
)
_SIDE_KEYS: Final = ("requirements", "env", "verdict", "cause", "bytes_per_request", "per_request", "culprit")


@dataclass(frozen=True, slots=True)
class Culprit:
    """Names that the report may give the culprit; one that matches is enough."""

    sites: tuple[str, ...] = ()
    """`app.py:application`: end of the file's path, and the function."""
    types: tuple[str, ...] = ()
    """`app.Record`."""
    paths: tuple[str, ...] = ()
    """`app._SEEN`: beginnings of the holder's path."""
    shared_object: str | None = None
    """Pattern of the shared object that leaks natively: `msgpack/_cmsgpack*.so`."""

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.sites or self.types or self.paths or self.shared_object)


@dataclass(frozen=True, slots=True)
class Side:
    """One version of a case's program, and the truth about it."""

    name: str
    """`leaky` or `fixed`. A side called fixed may still leak; its own truth says so."""
    requirements: tuple[str, ...]
    env: Mapping[str, str]
    verdicts: tuple[str, ...]
    """All that are right."""
    causes: tuple[str, ...]
    """All that are right; empty where nothing grows."""
    bytes_per_request: float | None
    """Measured inside the process, without leakhunt; None where memory is not what leaks."""
    per_request: Mapping[str, float]
    """Threads, descriptors and temporary files that each request leaves behind."""
    culprit: Culprit

    @property
    def leaks(self) -> bool:
        """Whether LEAK is the one right verdict."""
        return self.verdicts == ("LEAK",)

    @property
    def harmless(self) -> bool:
        """Whether LEAK would be a false alarm: nothing here grows without end."""
        return "LEAK" not in self.verdicts


@dataclass(frozen=True, slots=True)
class Axes:
    """How a case differs from the others."""

    holder: str
    signal: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Case:
    """One program with its load, in a leaky and a fixed version."""

    name: str
    directory: Path
    title: str
    origin: str
    python: str
    """Minor version: `3.12`."""
    requests: tuple[str, ...]
    """As for `leakhunt profile --request`; empty where a workload file says what is sent."""
    workload: str | None
    """Name of a workload file beside the app."""
    server: str | None
    """None: what leakhunt picks."""
    command: tuple[str, ...]
    """What serves the app instead, with `{python}` and `{bin}` for the environment's interpreter and programs."""
    workers: int
    threads: int
    concurrency: int
    held_out: bool
    gc_disabled: bool
    sources: tuple[str, ...]
    notes: str
    axes: Axes
    sides: tuple[Side, ...]

    def side(self, name: str) -> Side:
        """The side called `leaky` or `fixed`."""
        return next(side for side in self.sides if side.name == name)


def load_cases(directory: Path = CASES, *, names: Iterable[str] = (), held_out: bool = False) -> tuple[Case, ...]:
    """The cases in `directory` in order of their names; `names` picks some, whether they are set aside or not.

    Raises:
        ConfigError: one of them has a mistake.
        KeyError: there is no case of a name.
    """
    cases = {path.parent.name: load_case(path.parent) for path in sorted(directory.glob("*/case.toml"))}
    if wanted := tuple(names):
        return tuple(cases[name] for name in wanted)
    return tuple(case for case in cases.values() if case.held_out == held_out)


def load_case(directory: Path) -> Case:
    """The case in `directory`.

    Raises:
        ConfigError: `case.toml` cannot be read or has a mistake, or the app is missing.
    """
    table = read_document(directory / "case.toml").root()
    table.only(*_CASE_KEYS)
    workload = table.named("workload")
    if workload is not None and "requests" in table:
        raise table.error("requests", "a workload file says what is sent", "leave one of them out")
    for file in ("app.py", *((workload,) if workload else ())):
        if not (directory / file).is_file():
            raise table.error(None, f"there is no {file} beside it")
    return Case(
        name=directory.name,
        directory=directory,
        title=table.required("title", 'title = "msgpack 1.0.7 leaks with every Unpacker"'),
        origin=_one_of(table, "origin", ORIGINS),
        python=_minor(table),
        requests=() if workload else _texts(table, "requests") or ("GET /?i={n}",),
        workload=workload,
        server=table.choice("server", _SERVERS),
        command=table.command("command") or (),
        workers=table.integer("workers", least=1) or 1,
        threads=table.integer("threads", least=1) or 1,
        concurrency=table.integer("concurrency", least=1) or 1,
        held_out=table.flag("held_out"),
        gc_disabled=table.flag("gc_disabled"),
        sources=_texts(table, "sources"),
        notes=table.text("notes") or "",
        axes=_axes(table),
        sides=tuple(_side(table, name) for name in SIDES),
    )


def _axes(case: Table) -> Axes:
    table = _inner(case, "axes", 'an [axes] table with "holder", "signal" and "trigger"')
    table.only("holder", "signal", "trigger")
    return Axes(
        table.required("holder", 'holder = "module dict"'),
        _one_of(table, "signal", SIGNALS),
        table.required("trigger", 'trigger = "every request"'),
    )


def _side(case: Table, name: str) -> Side:
    table = _inner(case, name, f"a [{name}] table")
    table.only(*_SIDE_KEYS)
    verdicts = _some_of(table, "verdict", VERDICTS)
    if not verdicts:
        raise table.error(None, "`verdict` is missing", 'write for example verdict = "LEAK"')
    causes = _some_of(table, "cause", CAUSES)
    if verdicts == ("LEAK",) and not causes:
        raise table.error(None, "a leak needs a `cause`", f"known are: {', '.join(CAUSES)}")
    rates = table.table("per_request")
    if rates is not None:
        rates.only(*RESOURCES)
    return Side(
        name=name,
        requirements=_texts(table, "requirements"),
        env=table.texts("env"),
        verdicts=verdicts,
        causes=causes,
        bytes_per_request=table.number("bytes_per_request", 0) if "bytes_per_request" in table else None,
        per_request={} if rates is None else {key: rates.number(key, 1) for key, _ in rates.items()},
        culprit=_culprit(table),
    )


def _culprit(side: Table) -> Culprit:
    table = side.table("culprit")
    if table is None:
        return Culprit()
    table.only("sites", "types", "paths", "shared_object")
    sites = _texts(table, "sites")
    if wrong := [site for site in sites if ":" not in site]:
        raise table.error("sites", f"{wrong[0]!r} names no function", 'write for example "app.py:application"')
    return Culprit(sites, _texts(table, "types"), _texts(table, "paths"), table.named("shared_object"))


def _inner(table: Table, key: str, what: str) -> Table:
    inner = table.table(key)
    if inner is None:
        raise table.error(None, f"{what} is missing")
    return inner


def _minor(table: Table) -> str:
    version = table.required("python", 'python = "3.12"')
    if not all(part.isdecimal() for part in version.split(".")) or version.count(".") != 1:
        raise table.error("python", f"must be a minor version, not {version!r}", 'write for example python = "3.12"')
    return version


def _one_of(table: Table, key: str, options: Sequence[str]) -> str:
    table.required(key, f'{key} = "{options[0]}"')
    chosen = table.choice(key, options)
    assert chosen is not None
    return chosen


def _some_of(table: Table, key: str, options: Sequence[str]) -> tuple[str, ...]:
    """One of `options`, or a list of some."""
    chosen = (table.required(key, ""),) if isinstance(table.raw(key), str) else _texts(table, key)
    for value in chosen:
        if value not in options:
            raise table.error(key, f"must be one of {', '.join(options)}, not {value!r}")
    return chosen


def _texts(table: Table, key: str) -> tuple[str, ...]:
    """A list of texts. Empty if it is not there."""
    value = table.raw(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise table.error(key, "must be a list of texts", f'write {key} = ["..."]')
    return tuple(value)
