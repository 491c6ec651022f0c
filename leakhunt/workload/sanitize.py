"""What of a workload may be kept in a report: no password, no header value, no query value, no form value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from leakhunt.units import format_size
from leakhunt.workload.scenario import FilePart, Login, Step, Workload

HIDDEN: Final = "***"
_PLACEHOLDER: Final = re.compile(r"(?:\{(?:n|seed)\})+")
_SECRET: Final = re.compile(r"pass|secret|token|key|auth|credential|private", re.IGNORECASE)
_NAME: Final = rf"[\w.-]*(?:{_SECRET.pattern})[\w.-]*"
_VALUE: Final = r"""(?:"[^"]*"|'[^']*'|[^\s"'&;,)}]+)"""
_URL: Final = re.compile(r"://|[/?]")
_USERINFO: Final = re.compile(r"""(?P<kept>://|(?:^|(?<=[\s=,"']))(?=[^\s/:@=]+:))[^/\s]*(?=@)""")
"""With or without the scheme in front of it: `redis://me:secret@host`, `me:secret@host`."""
_QUERY_VALUE: Final = re.compile(r"""(?P<kept>[?&][^\s=&?"']+=)[^\s&#"']*""")
_SECRET_VALUE: Final = re.compile(rf"""(?P<kept>(?<![\w.-]){_NAME}(?:=|["']\s*:\s*)){_VALUE}""", re.IGNORECASE)
"""`password=x` within a word, `"password": "x"`."""
_SECRET_OPTION: Final = re.compile(rf"(?P<kept>(?<!\S)-{_NAME}\s+){_VALUE}", re.IGNORECASE)
"""`--password x` in a script."""
_SCRIPT_VARIABLES: Final = (
    re.compile(rf"(?P<kept>(?:^|(?<=[\s;&|(]))[A-Z_][A-Z0-9_]*=)(?={_VALUE}\s){_VALUE}"),
    re.compile(rf"(?P<kept>(?:^|\s)(?:-e|--env)[= ][A-Za-z_]\w*=){_VALUE}"),
)
"""`NAME=value program`, `--env NAME=value` in a script."""
_VARIABLE_OPTIONS: Final = frozenset({"-e", "-E", "--env", "--environment", "--setenv", "--set-env", "--raw-env"})
_VARIABLE: Final = re.compile(
    rf"(?P<option>-[eE]|(?:{'|'.join(sorted(option for option in _VARIABLE_OPTIONS if option[:2] == '--'))})=)?"
    r"(?P<name>[A-Za-z_]\w*)=.*",
    re.DOTALL,
)
_ENV_OPTIONS: Final = frozenset({"-u", "--unset", "-C", "--chdir"})
"""Of the program `env`, with a value in the next word."""


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
    """A command without what may be secret in it.

    Hidden are values of options and variables whose names look secret, values of variables that the command sets for
    another (`--env K=V`, `env K=V`), and user-info and query values in URLs. Words that hold a whole script are looked
    through for the same.
    """
    shown: list[str] = []
    sets_variables = secret = False
    before = ""
    for word in command:
        variable = _VARIABLE.fullmatch(word)
        if secret:
            shown.append(HIDDEN)
        elif variable and (sets_variables or before in _VARIABLE_OPTIONS or variable["option"]):
            shown.append(f"{variable['option'] or ''}{variable['name']}={HIDDEN}")
        else:
            shown.append(_without_secrets(word))
        if sets_variables:
            sets_variables = bool(variable) or word.startswith("-") or before in _ENV_OPTIONS
        else:
            sets_variables = PurePath(word).name == "env"
        secret = not secret and word.startswith("-") and "=" not in word and bool(_SECRET.search(word))
        before = word
    return shown


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals or _PLACEHOLDER.fullmatch(value):
        return pair
    return f"{name}={HIDDEN}"


def _without_secrets(text: str) -> str:
    name, equals, _ = text.partition("=")
    if equals and not re.search(r"\s", name) and _SECRET.search(name) and not _URL.search(name):
        return f"{name}={HIDDEN}"
    for pattern in (_USERINFO, _QUERY_VALUE, _SECRET_VALUE, _SECRET_OPTION, *_SCRIPT_VARIABLES):
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


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
