"""Finds the application of a process that runs already, counts its requests from now on, and undoes that."""

from __future__ import annotations

import sys

from leakhunt.agent.arrival import contents
from leakhunt.agent.asgi import CountedAsgi
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.hooks import HOOKS, unhook
from leakhunt.agent.middleware import Counted
from leakhunt.agent.originals import sleep
from leakhunt.agent.serving import WSGI, Place, look
from leakhunt.agent.swaps import SWAPS
from leakhunt.agent.trampoline import FUNCTION, TRAMPOLINES, NoEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN = "leakhunt.agent"
AT_ONCE = 50
"""Modules to look at before the app may go on."""
LAYERS = 20


def _cell_type(value: Any = None) -> Any:
    return type((lambda: value).__closure__[0])  # type: ignore[index]  # it has one


CELL = _cell_type()


class NotFound(Exception):
    """There is nothing to hook; the text says why."""


def find() -> dict[str, Any]:
    """Which servers hold which applications, and which servers are loaded of which nothing was found."""
    places, missing = look()
    return {"servers": [_describe(place) for place in places], "missing": missing}


def hook(name: str | None) -> dict[str, Any]:
    """Count requests from now on, at the servers, at the application that was named, or where frameworks enter.

    Where a Celery worker runs, its tasks are counted, too. `name` is `MODULE:CALLABLE`.

    Raises:
        NotFound: neither is there, or what was named is not.
    """
    if SWAPS.any() or TRAMPOLINES.any():
        raise NotFound("requests are counted already")
    places, missing = look()
    named = None if name is None else _resolve(name)
    if named is not None:
        places = [place for place in places if any(each is named for each in _layers(place.app))]
    if not places and named is None:
        named = _named_by_uwsgi()
    HOOKS.install()
    COUNTERS.active = True
    try:
        rows = [_wrap(place) for place in places]
        if named is None:
            rows += _tasks()
        entry = _enter(named, name) if named is not None and not rows else None
    except BaseException:
        unhook()
        raise
    if not COUNTERS.hooked:
        unhook()
        raise NotFound(_nothing(missing))
    by = "server" if rows else "framework" if entry is None else "entry"
    return {"by": by, "servers": rows, "entry": entry, "missing": missing}


def _wrap(place: Place) -> dict[str, Any]:
    row = _describe(place)
    ours = Counted(place.app) if place.kind == WSGI else CountedAsgi(place.app)
    SWAPS.put(place.owner, place.name, ours, place.copies)
    COUNTERS.server_marks = True
    return row


def _tasks() -> list[dict[str, Any]]:
    """What Celery runs here; a process without it needs to load nothing for that."""
    if "celery.app.trace" not in sys.modules:
        return []
    from leakhunt.agent.tasks import count_tasks

    row = count_tasks()
    return [] if row is None else [row]


def _enter(app: Any, name: str | None) -> str:
    try:
        return TRAMPOLINES.put(app)
    except NoEntry as reason:
        raise NotFound(f"the calls of {name or _name(app)} cannot be seen: {reason}") from None


def _describe(place: Place) -> dict[str, Any]:
    return {
        "server": place.server,
        "app": _name(place.app),
        "kind": place.kind,
        "holder": place.label,
        "seen": place.seen,
    }


def _nothing(missing: dict[str, str]) -> str:
    why = "; ".join(f"{server}: {reason}" for server, reason in missing.items())
    return f"no WSGI or ASGI application found ({why or 'no server that is known is loaded'})"


def _resolve(name: str) -> Any:
    """The callable that `MODULE:CALLABLE` names, in a module that the app has loaded."""
    home, _, path = name.partition(":")
    module = sys.modules.get(home)
    if module is None:
        raise NotFound(f"this process has not loaded a module {home!r}")
    found: Any = module
    for part in (path or "application").split("."):
        found = getattr(found, part, None)
        if found is None:
            raise NotFound(f"module {home!r} has no {path or 'application'!r}")
    if not callable(found):
        raise NotFound(f"{name} is a {type(found).__name__} and cannot be called")
    return found


def _named_by_uwsgi() -> Any:
    """What uWSGI was told to serve, by its command line or its file, if this is uWSGI and the application is there."""
    told = contents(sys.modules.get("uwsgi")).get("opt")
    if not isinstance(told, dict):
        return None
    options = {name: value.decode() for name, value in told.items() if isinstance(value, bytes)}
    module, _, name = options.get("module", "").partition(":")
    if not module:  # loaded from a file, it bears a name of uWSGI's
        module = next((each for each in list(sys.modules) if each.startswith("uwsgi_file_")), "")
    return contents(sys.modules.get(module)).get(options.get("callable") or name or "application")


def _layers(app: Any) -> list[Any]:
    """The application, and what it wraps, and so on, as far as that is kept in the manner of middleware."""
    layers = [app]
    while len(layers) < LAYERS:
        held = dict(getattr(layers[-1], "__dict__", {}))
        closure = getattr(layers[-1], "__closure__", None)
        if closure and type(layers[-1]) is FUNCTION:
            held.update(zip(layers[-1].__code__.co_freevars, closure))
        inner: Any = next((held[name] for name in ("app", "application", "__wrapped__") if name in held), None)
        if type(inner) is CELL:
            inner = inner.cell_contents
        if not callable(inner):
            break
        layers.append(inner)
    return layers


def _name(app: Any) -> str:
    """`module:name` where a module has it or what it wraps under a name, else what it is."""
    layers = _layers(app)
    names: dict[int, str] = {}
    # A script is the last to name what it has imported.
    modules = sorted(sys.modules.items(), key=_is_script)
    for number, (home, module) in enumerate(modules):
        if home.startswith(OWN):
            continue
        if number % AT_ONCE == 0:
            sleep(0)
        for name, value in list(contents(module).items()):
            if any(value is layer for layer in layers):
                names.setdefault(id(value), f"{home}:{name}")
    for layer in layers:
        if id(layer) in names:
            return names[id(layer)]
    if hasattr(app, "__qualname__"):
        return f"{app.__module__}:{app.__qualname__}"
    return f"{type(app).__module__}.{type(app).__qualname__} object"


def _is_script(item: tuple[str, Any]) -> bool:
    return item[0] == "__main__"
