"""Where each server that is alive keeps the callable it hands requests to, so that this can be wrapped there.

The attribute has to be the one that the server looks at for each request. Its wrapper sees the response, so the end of
a request is exact.
"""

from __future__ import annotations

import sys

from leakhunt.agent.arrival import contents
from leakhunt.agent.journal import note
from leakhunt.agent.sightings import HEAP, MAIN, SIGNAL, family, quick, thorough

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

WSGI = "wsgi"
ASGI = "asgi"


class Elsewhere(Exception):
    """A server that is alive is not the one that hands requests to the application; the text says who is."""


class Place:
    """One attribute that holds an application."""

    def __init__(self, owner: Any, name: str, kind: str = WSGI, copies: Any = None) -> None:
        self.owner = owner
        self.name = name
        self.kind = kind
        self.copies: Callable[[], Iterable[tuple[Any, str]]] | None = copies
        """Other objects that took the application from here."""
        self.server = ""
        self.seen = ""

    @property
    def app(self) -> Any:
        """The application, None if it is not loaded yet."""
        return getattr(self.owner, self.name, None)

    @property
    def label(self) -> str:
        """`module.Class.attribute`."""
        kind = type(self.owner)
        return f"{kind.__module__}.{kind.__qualname__}.{self.name}"


def _held_as(name: str, kind: str = WSGI) -> Callable[[Any], list[Place]]:
    return lambda server: [Place(server, name, kind)]


def _gunicorn(worker: Any) -> list[Place]:
    """A worker, unless it hands its callable on to another server once and for all."""
    homes = {each.__module__ for each in type(worker).__mro__}
    if {home.split(".")[0] for home in homes} & {"uvicorn", "uvicorn_worker"}:
        raise Elsewhere("its worker is one of uvicorn")
    if "gunicorn.workers.gtornado" in homes:
        raise Elsewhere("its worker hands the application to Tornado, where it cannot be wrapped")
    if getattr(type(worker), "server_class", None) is not None:
        raise Elsewhere("its worker has a server of gevent's")
    return [Place(worker, "wsgi")]


def _gunicorn_asgi(worker: Any) -> list[Place]:
    """Its connections each take the callable as they are made."""

    def copies() -> list[tuple[Any, str]]:
        protocol = _class("gunicorn.asgi.protocol", "ASGIProtocol")
        return [] if protocol is None else [(each, "app") for each, _ in thorough(family([protocol]))]

    return [Place(worker, "asgi", ASGI, copies)]


def _waitress_many(server: Any) -> list[Place]:
    """One server for each address."""
    base = _class("waitress.server", "BaseWSGIServer")
    return [Place(each, "application") for each in server.map.values() if base in type(each).__mro__]


def _uvicorn(server: Any) -> list[Place]:
    """The innermost of uvicorn's own middleware, or else what connections take as they are made."""
    owner, name, kind = server.config, "loaded_app", ASGI
    app: Any = getattr(owner, name, None)
    while type(app).__module__.split(".")[0] in {"uvicorn", "a2wsgi"} and hasattr(app, "app"):
        if type(app).__name__ == "ASGI2Middleware":
            break
        owner, name = app, "app"
        kind = WSGI if "WSGI" in type(app).__name__ else ASGI
        app = app.app
    if owner is not server.config:
        return [Place(owner, name, kind)]
    connections = server.server_state.connections
    return [Place(owner, name, kind, lambda: [(each, "app") for each in tuple(connections)])]


SERVERS: tuple[tuple[str, str, str, Callable[[Any], list[Place]]], ...] = (
    ("gunicorn", "gunicorn.workers.gasgi", "ASGIWorker", _gunicorn_asgi),
    ("gunicorn", "gunicorn.workers.base", "Worker", _gunicorn),
    ("waitress", "waitress.server", "MultiSocketServer", _waitress_many),
    ("waitress", "waitress.server", "BaseWSGIServer", _held_as("application")),
    ("werkzeug", "werkzeug.serving", "BaseWSGIServer", _held_as("app")),
    ("wsgiref", "wsgiref.simple_server", "WSGIServer", _held_as("application")),
    ("gevent", "gevent.pywsgi", "WSGIServer", _held_as("application")),
    ("cheroot", "cheroot.wsgi", "Server", _held_as("wsgi_app")),
    ("uvicorn", "uvicorn.server", "Server", _uvicorn),
    ("hypercorn", "hypercorn.app_wrappers", "ASGIWrapper", _held_as("app", ASGI)),
    ("hypercorn", "hypercorn.app_wrappers", "WSGIWrapper", _held_as("app")),
    ("daphne", "daphne.server", "Server", _held_as("application", ASGI)),
    ("mod_wsgi", "mod_wsgi.express.runtime", "ApplicationHandler", _held_as("application")),
    ("mod_wsgi", "mod_wsgi.server", "ApplicationHandler", _held_as("application")),
)
"""(server, module, class, its places); of two classes that fit an object the first counts."""

_MODULES = frozenset([module.split(".")[0] for _, module, _, _ in SERVERS] + ["socketserver", "uvicorn_worker"])


def _class(module: str, name: str) -> type | None:
    found = contents(sys.modules.get(module)).get(name)
    return found if isinstance(found, type) else None


def loaded() -> dict[str, list[type]]:
    """Server -> its classes, for the servers that this process has loaded."""
    found: dict[str, list[type]] = {}
    for server, module, name, _ in SERVERS:
        kind = _class(module, name)
        if kind is not None:
            found.setdefault(server, []).append(kind)
    return found


def _scripts() -> list[Place]:
    """What mod_wsgi has loaded by itself: for each request it looks into the script's module (wsgi_execute.c)."""
    places = []
    for name, module in list(sys.modules.items()):
        if name.startswith("_mod_wsgi_") and callable(contents(module).get("application")):
            places.append(Place(module, "application"))
            places[-1].server, places[-1].seen = "mod_wsgi", HEAP
    return places


def look() -> tuple[list[Place], dict[str, str]]:
    """All places of all servers that are alive, and for the servers that are loaded and have none, why.

    The heap is searched only if nothing is seen that the main thread runs: a server in another thread may be one for
    metrics, beside the one that is meant.
    """
    classes = family([kind for kinds in loaded().values() for kind in kinds])
    found: dict[int, Place] = {}
    why = dict.fromkeys(loaded(), "it is loaded, but serves nothing")
    for server, seen in quick(classes, _MODULES) if classes else ():
        _add(found, why, server, seen)
    if classes and not any(place.seen in {MAIN, SIGNAL} for place in found.values()):
        for server, seen in thorough(classes):
            _add(found, why, server, seen)
    if "mod_wsgi" in sys.modules:
        why["mod_wsgi"] = "its application is not in the main interpreter; WSGIApplicationGroup %{GLOBAL} has it there"
        found.update((id(place.owner), place) for place in _scripts())
    serving = {place.server for place in found.values()}
    return list(found.values()), {server: reason for server, reason in why.items() if server not in serving}


def _add(found: dict[int, Place], why: dict[str, str], server: Any, seen: str) -> None:
    for label, module, name, places in SERVERS:
        if _class(module, name) in type(server).__mro__:
            try:
                for place in places(server):
                    place.server, place.seen = label, seen
                    if place.app is None:
                        why[label] = "it has not loaded its application yet"
                    else:
                        found.setdefault(id(place.owner), place)
            except Elsewhere as reason:
                why[label] = str(reason)
            except Exception:
                note(label)
            return
