"""Writes a workload as the TOML, or as the flags, that it would be read from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.workload.flags import workload_from_flags
from leakhunt.workload.payloads.kinds import IMAGE
from leakhunt.workload.sanitize import shown_path
from leakhunt.workload.scenario import Companion, FilePart, Login, SizeRange, Step, Workload

_SIMPLE: Final = ("think", "retries", "timeout", "once", "fault", "weight")
"""Keys of a step that are written as they are, where they are not what they would be anyway."""
_PLAIN: Final = Step(name="", method="GET", path="/")
_PLAIN_FILE: Final = FilePart("", IMAGE, SizeRange(0, 0))


def workload_toml(workload: Workload) -> str | None:
    """The text of a workload file; None where a body is no text, which TOML has no room for."""
    try:
        return "\n\n".join("\n".join(lines) for lines in _tables(workload) if lines) + "\n"
    except UnicodeError:
        return None


def workload_flags(workload: Workload) -> tuple[tuple[str, str], ...] | None:
    """The flags `--upload`, `--file` and `--request` that mean the same workload, each with its value.

    None where they cannot say it all, or would show what may be secret.
    """
    flags: list[tuple[str, str]] = []
    for step in workload.steps:
        if step.json is not None or step.body is not None or shown_path(step.path) != step.path:
            return None
        flags.append(("--upload" if step.files else "--request", f"{step.method} {step.path}"))
        flags += [("--file", f"{part.field}={part.kind}:{_range(part.size)}") for part in step.files]
    values = {name: [value for flag, value in flags if flag == f"--{name}"] for name in ("upload", "file", "request")}
    try:
        read = workload_from_flags(values["upload"], values["file"], values["request"])
    except UsageError:
        return None
    return tuple(flags) if read is not None and _meaning(read) == _meaning(workload) else None


def _meaning(workload: Workload) -> Workload:
    """Without what is only for people, and what has a flag of its own."""
    named = (replace(step, name=str(number), weight=1.0) for number, step in enumerate(workload.steps))
    one = len(workload.steps) == 1  # a step alone has all requests, whatever its weight
    return replace(workload, source="", concurrency=None, steps=tuple(named) if one else workload.steps)


def _tables(workload: Workload) -> Iterator[list[str]]:
    yield _keys(
        concurrency=workload.concurrency,
        inputs=None if workload.inputs == "distinct" else workload.inputs,
        setup=[list(command) for command in workload.setup] or None,
    )
    if workload.env:
        yield ["[env]", *_keys(**workload.env)]
    if workload.login is not None:
        yield ["[login]", *_login(workload.login)]
    for companion in workload.companions:
        yield ["[[companion]]", *_companion(companion)]
    for step in workload.steps:
        yield ["[[step]]", *_step(step)]


def _login(login: Login) -> list[str]:
    return _keys(path=login.path, form=login.form or None, csrf=login.csrf, expect=list(login.expect) or None)


def _companion(companion: Companion) -> list[str]:
    ready = {each.name: getattr(companion.ready, each.name) for each in fields(companion.ready)}
    given = {name: value for name, value in ready.items() if value is not None}
    return _keys(name=companion.name, command=companion.command, ready=given or None)


def _step(step: Step) -> list[str]:
    simple = {name: getattr(step, name) for name in _SIMPLE if getattr(step, name) != getattr(_PLAIN, name)}
    return _keys(
        name=step.name,
        method=step.method,
        path=step.path,
        headers=step.headers or None,
        form=step.form or None,
        json=step.json,
        body=None if step.body is None else step.body.decode(),
        files=[_file(part) for part in step.files] or None,
        expect=list(step.expect.statuses) or None,
        **simple,
    )


def _file(part: FilePart) -> dict[str, object]:
    given: dict[str, object] = {"field": part.field, "kind": part.kind, "size": _range(part.size)}
    for name in ("megapixels", "name", "contents"):
        if getattr(part, name) != getattr(_PLAIN_FILE, name):
            given[name] = getattr(part, name)
    return given


def _range(size: SizeRange) -> str:
    return f"{size.low}B" if size.low == size.high else f"{size.low}B..{size.high}B"


def _keys(**values: object) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in values.items() if value is not None]


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "_").isidentifier()
    return name if bare else _text(name)


def _value(value: object) -> str:
    """As it stands after the equals sign; tables on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}" if value else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but that TOML wants DEL escaped, too, and knows no lone surrogates."""
    text.encode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
