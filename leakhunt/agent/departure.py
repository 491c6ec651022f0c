"""What an attached agent does last: the process is left as it was found."""

from __future__ import annotations

import os
import sys

from leakhunt.agent import forks
from leakhunt.agent.originals import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable

PACKAGE = "leakhunt.agent"
AT_ONCE = 50
"""Modules to look at before the app may go on."""


def clean_up(offers: Any, luggage: Any) -> list[str]:
    """Take back the hooks of `fork`, the standard modules that were loaded for us, and the socket's file.

    Returns what had to stay.
    """
    left = [] if forks.unregister() else ["os.register_at_fork"]
    for way, place in offers:
        if way == "unix":
            _remove(place)
    return left + [f"sys.modules[{name!r}]" for name in unload(luggage.loaded, luggage.before)]


def unload(names: Iterable[str], before: frozenset[str]) -> list[str]:
    """Forget these modules as if they had not been imported; those that had to stay, as the app uses one by now.

    `before` are the modules that the app had when the agent came. Whoever imports one of ours again gets a new copy,
    which is why none may be in use.
    """
    ours = {name: sys.modules[name] for name in names if name in sys.modules and name not in before}
    if _used(ours, before):
        return sorted(ours)
    for name, module in ours.items():
        sys.modules.pop(name, None)
        parent, _, last = name.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(last) is module:
            delattr(sys.modules[parent], last)
    return []


def _used(ours: dict[str, ModuleType], before: frozenset[str]) -> bool:
    """Whether a module of the app holds one of these, or a function or class of one."""
    # One that the app had under another name (`collections.abc` is `_collections_abc`) may be in use.
    modules = {id(module) for module in ours.values()} - {id(sys.modules.get(name)) for name in before}
    for number, (name, each) in enumerate(list(sys.modules.items())):
        if name in ours or name.split(".")[0] == PACKAGE:
            continue
        if number % AT_ONCE == 0:
            sleep(0)
        for attribute, value in list(getattr(each, "__dict__", {}).items()):
            # A package has its modules as attributes. What was there before may have classes that call themselves
            # after one of ours, but has them of its own.
            if id(value) in modules and f"{name}.{attribute}" not in ours:
                return True
            if name not in before and _home(value) in ours:
                return True
    return False


def _home(value: Any) -> Any:
    """The module of a function or class, without running code of the app."""
    if isinstance(value, (type(_home), type(len))):
        return value.__module__
    return type.__getattribute__(value, "__dict__").get("__module__") if isinstance(value, type) else None


def _remove(place: str) -> None:
    for remove, path in ((os.unlink, place), (os.rmdir, os.path.dirname(place))):
        try:
            remove(path)
        except OSError:  # the controller was quicker
            return
