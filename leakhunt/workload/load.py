"""Reads a workload from TOML. Every mistake names the line, the key, and what was probably meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, Literal, cast

from leakhunt.workload.bounds import LONGEST_WAIT, MOST_MEGAPIXELS, MOST_RETRIES, MOST_WEIGHT, MOST_WORKERS
from leakhunt.workload.headers import MADE_HERE, is_header, is_made_here
from leakhunt.workload.payloads.kinds import KIND_NAMES
from leakhunt.workload.sanitize import shown_path
from leakhunt.workload.scenario import (
    DEFAULT_TIMEOUT,
    FAULTS,
    INPUTS,
    Companion,
    Expect,
    Fault,
    FilePart,
    Inputs,
    Login,
    Ready,
    SizeRange,
    Step,
    Workload,
)
from leakhunt.workload.sizes import parse_range
from leakhunt.workload.table import Table, nearest, read_document

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_WORKLOAD_KEYS: Final = ("concurrency", "inputs", "setup", "env", "login", "step", "companion")
_STEP_KEYS: Final = (
    *("name", "method", "path", "weight", "headers", "form", "json", "body", "files"),
    *("expect", "think", "retries", "timeout", "once", "fault"),
)
_NO_PATH: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_FAULT_ANSWERS: Final = (400, 408, 413, 422)
"""What a sound application answers to a request that goes wrong on purpose."""


def load_workload(path: Path) -> Workload:
    """The workload in the TOML file at `path`.

    Raises:
        ConfigError: the file cannot be read or has a mistake.
    """
    return read_workload(read_document(path).root(), source=str(path))


def read_workload(table: Table, source: str) -> Workload:
    """The workload in a TOML table.

    Raises:
        ConfigError: it has a mistake.
    """
    table.only(*_WORKLOAD_KEYS)
    login = table.table("login")
    return Workload(
        source=source,
        steps=_steps(table),
        concurrency=table.integer("concurrency", least=1, most=MOST_WORKERS),
        inputs=_inputs(table, "inputs"),
        login=None if login is None else _login(login),
        setup=table.commands("setup"),
        env=table.texts("env"),
        companions=tuple(_companion(item) for item in table.tables("companion")),
    )


def _steps(table: Table) -> tuple[Step, ...]:
    steps: list[Step] = []
    for item in table.tables("step"):
        step = _step(item)
        if step.name in {other.name for other in steps}:
            raise item.error("name" if "name" in item else None, f"a second step is called {step.name!r}", _RENAME)
        steps.append(step)
    if not any(not step.once for step in steps):
        problem = "no step to repeat" if steps else "no step"
        raise table.error("step" if steps else None, problem, "write a [[step]] with method and path")
    return tuple(steps)


_RENAME: Final = 'give it a name of its own: name = "..."'


def _step(table: Table) -> Step:
    table.only(*_STEP_KEYS)
    path = read_path(table, table.required("path", 'path = "/upload/"'))
    has_body = any(key in table for key in ("form", "json", "body", "files"))
    method = (table.choice("method", METHODS) if "method" in table else None) or ("POST" if has_body else "GET")
    fault = _fault(table, has_body)
    _check_bodies(table)
    body = table.text("body")
    return Step(
        name=table.named("name") or f"{method} {shown_path(path)}",
        method=method,
        path=path,
        weight=table.number("weight", 1.0, above=0.0, most=MOST_WEIGHT),
        headers=read_headers(table),
        form=table.texts("form"),
        json=_json(table),
        body=None if body is None else body.encode(),
        files=tuple(_file(item) for item in table.tables("files")),
        expect=_expect(table, fault),
        think=table.number("think", 0.0, most=LONGEST_WAIT),
        retries=table.integer("retries", least=0, most=MOST_RETRIES) or 0,
        timeout=table.number("timeout", DEFAULT_TIMEOUT, above=0.0, most=LONGEST_WAIT),
        once=table.flag("once"),
        fault=fault,
    )


def read_path(table: Table, path: str, key: str = "path") -> str:
    """The path that stands at `key`.

    Raises:
        ConfigError: it does not start with a slash, or cannot stand in a request as it is.
    """
    if not path.startswith("/"):
        raise table.error(key, f"must start with a slash, not {path[:20]!r}", "the host comes from the target")
    blank = _NO_PATH.search(path)
    if blank is not None:
        raise table.error(key, f"must not hold a {_called(blank[0])}", "write it as %XX, a blank as %20")
    return path


def _called(character: str) -> str:
    return "blank" if character == " " else "control character or other space"


def _json(table: Table) -> object | None:
    value = table.raw("json")
    try:
        json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise table.error("json", "is no JSON: it holds a date or a time", "write it as a text") from error
    except ValueError as error:
        raise table.error("json", "is no JSON: it holds nan or inf", "write it as a text, or leave it out") from error
    return value


def read_headers(table: Table) -> dict[str, str]:
    """The table `headers` of a table.

    Raises:
        ConfigError: one of them is none, or follows from the body.
    """
    headers = table.texts("headers")
    for name, value in headers.items():
        if not is_header(name, value):
            raise table.error("headers", f"{name!r} is no valid header", "a header is one line of printable text")
        if is_made_here(name):
            raise table.error("headers", f"{name} follows from the body and cannot be set", MADE_HERE)
    return headers


def _fault(table: Table, has_body: bool) -> Fault | None:
    fault = cast("Fault | None", table.choice("fault", FAULTS))
    if fault in ("malformed", "truncated") and not has_body:
        raise table.error("fault", f"a {fault} request needs a body", "add form, json, body or files to the step")
    return fault


def _check_bodies(table: Table) -> None:
    """One body is one of JSON, raw text, or form fields with or without files."""
    kinds = [key for key in ("json", "body", "files", "form") if key in table]
    if len(kinds) > 1 and set(kinds) != {"files", "form"}:
        raise table.error(kinds[0], f"cannot stand beside `{kinds[1]}`", "give a step one kind of body")


def _expect(table: Table, fault: Fault | None) -> Expect:
    statuses = table.statuses("expect")
    if fault is None:
        return Expect(statuses)
    return Expect(statuses, also=() if statuses else _FAULT_ANSWERS, dropped=True)


def _file(table: Table) -> FilePart:
    table.only("field", "kind", "size", "megapixels", "name", "contents")
    kind = table.required("kind", 'kind = "image"')
    if kind not in KIND_NAMES:
        raise table.error("kind", f"no kind is called {kind!r}", nearest(kind, KIND_NAMES))
    return FilePart(
        field=table.required("field", 'field = "file"'),
        kind=kind,
        size=_size(table, kind),
        megapixels=table.number("megapixels", 2.0, above=0.0, most=MOST_MEGAPIXELS),
        name=table.named("name"),
        contents=_inputs(table, "contents"),
    )


def _size(table: Table, kind: str) -> SizeRange:
    raw = table.raw("size")
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None
    try:
        return parse_range(text or table.required("size", 'size = "300KB..2MB"'), kind)
    except ValueError as error:
        raise table.error("size", str(error)) from error


def _inputs(table: Table, key: str) -> Inputs:
    return cast("Inputs", table.choice(key, INPUTS) or "distinct")


def _login(table: Table) -> Login:
    table.only("path", "form", "csrf", "expect")
    csrf = cast("Literal['django'] | None", table.choice("csrf", ("django",)))
    path = read_path(table, table.required("path", 'path = "/login/"'))
    return Login(path=path, form=table.texts("form"), csrf=csrf, expect=table.statuses("expect"))


def _companion(table: Table) -> Companion:
    table.only("name", "command", "ready")
    command = table.command("command")
    if command is None:
        raise table.error(None, "`command` is missing", 'write for example command = ["{python}", "worker.py"]')
    return Companion(name=table.required("name", 'name = "celery"'), command=command, ready=_ready(table))


def _ready(table: Table) -> Ready:
    ready = table.table("ready")
    if ready is None:
        return Ready()
    ready.only("log", "command", "url")
    check = Ready(log=ready.text("log"), command=ready.command("command"), url=ready.text("url"))
    if sum(part is not None for part in (check.log, check.command, check.url)) != 1:
        raise table.error("ready", "must be exactly one of log, command and url", 'write ready = { log = "ready" }')
    return check
