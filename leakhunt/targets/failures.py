"""Sentences for what went wrong in the target, from exit statuses and from what it wrote to stderr."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from leakhunt.targets.deaths import signal_name
from leakhunt.targets.logs import Log

_LINES: Final = 12
_SHORTEST_SECRET: Final = 4
_PORT_IN_USE: Final = re.compile(r"address already in use|that port is already in use|connection in use", re.IGNORECASE)
_NO_MODULE: Final = re.compile(r"No module named '?([\w.]+)")
_NO_ATTRIBUTE: Final = re.compile(r"Failed to find attribute '(\w+)'|module '[\w.]+' has no attribute '(\w+)'")
_NOT_CALLABLE: Final = re.compile(
    r"^Application object must be callable"
    r"|server\.application\((?:.*\n){1,8}?TypeError: '\w+' object is not callable",
    re.MULTILINE,
)
"""In gunicorn's words, or raised by waitress as it tries to call it."""
_LAST_ERROR: Final = re.compile(
    r"^((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|ImproperlyConfigured)\b.*)$", re.MULTILINE
)
_WAITRESS: Final = re.compile(
    r"There was an exception \((\w+)\) importing your module\.\s+It had these arguments: *\s+1\. (.*)"
)
"""waitress prints no traceback, but this."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a target did not start: one sentence, and what to do."""

    sentence: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be shown of a target's own words: its last lines, values of its environment blotted out."""

    secrets: tuple[str, ...] = ()
    hide: Callable[[Sequence[str]], Sequence[str]] = tuple
    """A command without what looks secret in it."""

    @classmethod
    def without(cls, values: Iterable[str], hide: Callable[[Sequence[str]], Sequence[str]] = tuple) -> Shown:
        """Hide these values. Very short ones are left: they hide nothing and would garble every line."""
        secrets = {value for value in values if len(value) >= _SHORTEST_SECRET}
        return cls(tuple(sorted(secrets, key=len, reverse=True)), hide)

    def clean(self, text: str) -> str:
        """The text without the values."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def command(self, words: Sequence[str]) -> str:
        """A command of the workload as it may be shown."""
        return self.clean(" ".join(self.hide(words)))

    def with_tail(self, sentence: str, log: Log) -> str:
        """The sentence, with the last lines of a program's stderr below it."""
        lines = [line for line in self.clean(log.errors()).splitlines() if line.strip()][-_LINES:]
        return "\n".join([sentence, *(f"  | {line}" for line in lines)])


def how_ended(status: int) -> str:
    """An exit status in words: `ended with exit code 3`, `was killed by SIGKILL`."""
    return f"ended with exit code {status}" if status >= 0 else f"was killed by {signal_name(-status)}"


def explain(stderr: str, *, app: str | None, cwd: str) -> Explanation | None:
    """What a server's stderr says about a start that failed; None if it says nothing that is known.

    `app` is the `MODULE:CALLABLE` that was asked for, None for a command of the user's own.
    """
    if _PORT_IN_USE.search(stderr):
        return Explanation(
            "the port of the target is already in use", "End the program that has it, or choose another port."
        )
    if app is None:
        return _explain_lack(stderr)
    return _explain_import(_WAITRESS.sub(r"\1: \2", stderr), app, cwd)


def explain_uncallable(stderr: str, app: str) -> Explanation | None:
    """What stderr says if `MODULE:CALLABLE` names something that cannot be called; waitress starts all the same."""
    if not _NOT_CALLABLE.search(stderr):
        return None
    return Explanation(
        f"{app} is not callable, so it is no WSGI app", "Write MODULE:FACTORY() if a function makes the app."
    )


def _explain_lack(stderr: str) -> Explanation | None:
    errors = _LAST_ERROR.findall(stderr)
    lacking = _NO_MODULE.search(errors[-1]) if errors else None
    if lacking is None:
        return None
    return Explanation(
        f"the interpreter of the target finds no module {lacking[1]}",
        f"Activate the environment that has {lacking[1]}, or name its interpreter in the command.",
    )


def _explain_import(stderr: str, app: str, cwd: str) -> Explanation | None:
    module, _, name = app.partition(":")
    missing = _NO_MODULE.search(stderr)
    if missing is not None and f"{module}.".startswith(f"{missing[1]}."):
        return Explanation(
            f"there is no module {missing[1]} in {cwd}", "Give the directory that holds it with --chdir."
        )
    absent = _NO_ATTRIBUTE.search(stderr)
    if absent is not None and name.removesuffix("()") in absent.groups():
        return Explanation(f"the module {module} has no {name}", f"Name the WSGI callable that {module} defines.")
    if (uncallable := explain_uncallable(stderr, app)) is not None:
        return uncallable
    errors = _LAST_ERROR.findall(stderr)
    if not errors:
        return None
    lacking = _NO_MODULE.search(errors[-1])
    hint = lacking and f"Name the interpreter or virtual environment that has {lacking[1]} with --python."
    return Explanation(f"{module} raises on import: {errors[-1]}", hint)
