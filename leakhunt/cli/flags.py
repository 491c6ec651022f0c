"""The flags of a command line as text that a shell reads again, with variables in the place of what may be secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from shlex import quote
from typing import Any, Final
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from leakhunt.workload.sanitize import HIDDEN, shown_path


def given_flags(context: click.Context, *, without: Collection[str] = ()) -> str:
    """The flags that were typed, in the order of `--help`; parameters named in `without` are left out."""
    return " ".join(
        word
        for option in context.command.params
        if isinstance(option, click.Option) and option.name not in without
        if context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        for word in _words(option, context.params[option.name])
    )


def _words(option: click.Option, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield option.opts[0] if value else option.secondary_opts[0]
        return
    write: Callable[[Any], str] = _CAREFULLY.get(option.name, _plainly)
    for one in value if option.multiple else (value,):
        yield f"{option.opts[0]} {write(one)}"


def _plainly(value: Any) -> str:
    return quote(f"{value:g}" if isinstance(value, float) else str(value))


def _variable(text: str) -> str:
    """`--env NAME=VALUE`: the name stands for the value, which the shell may know under it."""
    name = text.partition("=")[0]
    return f'{name}="${name}"' if name.isidentifier() else quote(f"{name}={HIDDEN}")


def _header(text: str) -> str:
    name = text.partition(":")[0].strip()
    return f'"{_escaped(name)}: ${_name(name)}"'


def _path(text: str) -> str:
    """A request whose query may hold secrets; placeholders are none."""
    shown = shown_path(text)
    if HIDDEN not in shown:
        return quote(text)
    hidden = re.compile(rf"([^?&=]+)={re.escape(HIDDEN)}")
    return f'"{hidden.sub(lambda found: f"{found[1]}=${_name(found[1])}", _escaped(shown))}"'


def _body(text: str) -> str:
    return quote(text) if text.startswith("@") else '"$BODY"'


def _address(text: str) -> str:
    return '"$URL"' if urlsplit(text).username is not None else quote(text)


_CAREFULLY: Final[Mapping[str, Callable[[str], str]]] = {
    "env": _variable,
    "header": _header,
    "request": _path,
    "upload": _path,
    "body": _body,
    "url": _address,
}


def _name(text: str) -> str:
    """A variable of the shell called like a header or a key."""
    return re.sub(r"^(?=\d)|\W", "_", text).upper()


def _escaped(text: str) -> str:
    """As it has to be written between double quotes."""
    return re.sub(r'([\\"$`])', r"\\\1", text)
