"""What frameworks tell: the pattern a request matched, and requests of servers that have no Python side."""

from __future__ import annotations

from leakhunt.agent.asgi import enter, pattern_of
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.journal import note
from leakhunt.agent.middleware import CURRENT, call, is_marked, name_route
from leakhunt.agent.patches import PATCHES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def django_entry(module: ModuleType) -> None:
    """The WSGI callable of a Django project."""
    _wrap_entry(module.WSGIHandler)


def django_routes(module: ModuleType) -> None:
    """Django resolves a request before any view or view middleware sees it."""
    PATCHES.wrap(module.BaseHandler, "resolve_request", _tell_django_route)


def flask_entry(module: ModuleType) -> None:
    """The WSGI callable of a Flask application."""
    _wrap_entry(module.Flask)


def werkzeug_routes(module: ModuleType) -> None:
    """Flask asks for the rule itself; other users of werkzeug's map may not."""
    PATCHES.wrap(module.MapAdapter, "match", _tell_werkzeug_rule)


def django_asgi_entry(module: ModuleType) -> None:
    """The ASGI callable of a Django project."""
    _wrap_asgi_entry(module.ASGIHandler)


def starlette_entry(module: ModuleType) -> None:
    """The ASGI callable of a Starlette application; FastAPI's calls this one."""
    _wrap_asgi_entry(module.Starlette)


def starlette_routes(module: ModuleType) -> None:
    """Starlette hands a request to the route it has chosen; FastAPI's routes are of that kind."""
    PATCHES.wrap(module.Route, "handle", _tell_starlette_route)


def _wrap_entry(owner: Any) -> None:
    PATCHES.wrap(owner, "__call__", _count_call)
    COUNTERS.framework_marks = True


def _wrap_asgi_entry(owner: Any) -> None:
    PATCHES.wrap(owner, "__call__", _count_asgi_call)
    COUNTERS.framework_marks = True


def _count_asgi_call(original: Any) -> Callable[..., Any]:
    # A coroutine function as the original is: by that servers tell ASGI from WSGI.
    async def entry(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if is_marked():
            return await original(self, scope, receive, send)
        return await enter(original.__get__(self), (scope, receive, send), {})

    return entry


def _count_call(original: Any) -> Callable[..., Any]:
    def entry(self: Any, environ: Any, start_response: Any) -> Any:
        if is_marked():
            return original(self, environ, start_response)
        return call(original.__get__(self), environ, start_response)

    return entry


def _tell_django_route(original: Any) -> Callable[..., Any]:
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        try:
            name_route(str(match.route))
        except Exception:
            note("route")
        return match

    return resolve_request


def _tell_werkzeug_rule(original: Any) -> Callable[..., Any]:
    def match(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        try:
            rule = getattr(found[0], "rule", None)
            if isinstance(rule, str):
                name_route(rule)
        except Exception:
            note("rule")
        return found

    return match


def _tell_starlette_route(original: Any) -> Callable[..., Any]:
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        try:
            mark = CURRENT.get()
            if mark is not None:
                mark.pattern = pattern_of(mark, scope, self)
        except Exception:
            note("route")
        return original(self, scope, receive, send)

    return handle
