"""What of a workload may be kept in a report: no password, no header value, no query value, no form value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from leakhunt.units import format_size
from leakhunt.workload.scenario import FilePart, Login, Step, Workload

HIDDEN: Final = "***"
_PLACEHOLDER: Final = re.compile(r"(?:\{(?:n|seed)\})+")
_SECRET: Final = re.compile(r"pass|secret|token|key|auth|credential", re.IGNORECASE)


def shown_path(path: str) -> str:
    """The path with the values of its query hidden, but for placeholders: `/search?i={n}&q=***`."""
    base, mark, query = path.partition("?")
    if not mark:
        return base
    return f"{base}?{'&'.join(_shown_pair(pair) for pair in query.split('&'))}"


def describe(workload: Workload) -> dict[str, object]:
    """The workload in JSON's types, without anything secret. Fields, headers and variables go by name only."""
    return {
        "source": workload.source,
        "concurrency": workload.concurrency,
        "inputs": workload.inputs,
        "login": None if workload.login is None else _login(workload.login),
        "setup": [shown_command(command) for command in workload.setup],
        "env": sorted(workload.env),
        "steps": [_step(step) for step in workload.steps],
        "companions": [{"name": item.name, "command": shown_command(item.command)} for item in workload.companions],
    }


def shown_command(command: Sequence[str]) -> list[str]:
    """A command with the values of options that look secret, and user-info in URLs, hidden."""
    shown: list[str] = []
    secret = False
    for word in command:
        name, equals, _ = word.partition("=")
        if secret:
            shown.append(HIDDEN)
        elif equals and _SECRET.search(name):
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(_without_userinfo(word))
        secret = not secret and word.startswith("-") and not equals and bool(_SECRET.search(word))
    return shown


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals or _PLACEHOLDER.fullmatch(value):
        return pair
    return f"{name}={HIDDEN}"


def _without_userinfo(word: str) -> str:
    if "://" not in word or "@" not in word:
        return word
    return re.sub(r"://[^/\s]*@", f"://{HIDDEN}@", word)


def _login(login: Login) -> dict[str, object]:
    return {"path": urlsplit(login.path).path, "form": sorted(login.form), "csrf": login.csrf}


def _step(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "method": step.method,
        "path": shown_path(step.path),
        "weight": step.weight,
        "headers": sorted(step.headers),
        "form": sorted(step.form),
        "json": step.json is not None,
        "body": None if step.body is None else len(step.body),
        "files": [_file(part) for part in step.files],
        "expect": list(step.expect.statuses),
        "think": step.think,
        "retries": step.retries,
        "once": step.once,
        "fault": step.fault,
    }


def _file(part: FilePart) -> dict[str, object]:
    low, high = format_size(part.size.low), format_size(part.size.high)
    return {"field": part.field, "kind": part.kind, "size": low if low == high else f"{low}..{high}"}
