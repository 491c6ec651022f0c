"""What pytest keeps of a test while it runs: set aside while the test is called again and again.

Log records, warnings and printed text are kept until the test is over, and would look like a leak of the test's own.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

_CAPTURES: Final = ("capsys", "capsysbinary", "capfd", "capfdbinary", "capteesys")
_PATCHES: Final = ("_setattr", "_setitem", "_cwd", "_savesyspath")
"""Where a `monkeypatch` notes what it has to undo."""
_PYTEST: Final = "_pytest."


@contextmanager
def set_aside(fixtures: Mapping[str, Any]) -> Iterator[None]:
    """Let nothing that is logged, warned of or printed be kept, but for what the test's own fixtures are to catch."""
    caught = getattr(fixtures.get("caplog"), "handler", None)
    root = logging.getLogger()
    handlers = list(root.handlers)
    # One that does nothing in their place, or else Python prints what nobody handles.
    root.handlers[:] = [each if each is caught or not _is_pytests(each) else logging.NullHandler() for each in handlers]
    printed = any(name in fixtures for name in _CAPTURES)
    try:
        with warnings.catch_warnings(), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            if "recwarn" not in fixtures:
                warnings.showwarning = _forget
            if printed:
                yield
            else:
                with redirect_stdout(nowhere), redirect_stderr(nowhere):
                    yield
    finally:
        root.handlers[:] = handlers


def _is_pytests(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith(_PYTEST)


def _forget(*_: Any, **__: Any) -> None:
    """In place of `warnings.showwarning`, which pytest has keep them."""


@contextmanager
def tidied(fixtures: Mapping[str, Any]) -> Iterator[None]:
    """One call of a test: afterwards its fixtures are as they were before, as if they had been made anew for it.

    After a call that failed they are left as they are, for the report.
    """
    patch = fixtures.get("monkeypatch")
    before = {name: getattr(patch, name) for name in _PATCHES if hasattr(patch, name)}
    for name, patches in before.items():
        setattr(patch, name, [] if isinstance(patches, list) else None)
    try:
        yield
    except BaseException:
        _put_back(patch, before)
        raise
    if before and patch is not None:
        patch.undo()
        _put_back(patch, before)
    for name in ("caplog", "recwarn"):
        if name in fixtures:
            fixtures[name].clear()
    for name in _CAPTURES:
        if name in fixtures:
            fixtures[name].readouterr()


def _put_back(patch: Any, before: Mapping[str, Any]) -> None:
    """What was patched before the call is undone when the fixture ends, and so is what a failed call has patched."""
    for name, patches in before.items():
        since = getattr(patch, name)
        setattr(patch, name, [*patches, *since] if isinstance(patches, list) else since if patches is None else patches)
