"""What frameworks tell: the pattern a request matched, and requests of servers that have no Python side."""

from __future__ import annotations

from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.journal import note
from leakhunt.agent.middleware import call, name_route
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


def _wrap_entry(owner: Any) -> None:
    PATCHES.wrap(owner, "__call__", _count_call)
    COUNTERS.framework_marks = True


def _count_call(original: Any) -> Callable[..., Any]:
    def entry(self: Any, environ: Any, start_response: Any) -> Any:
        if COUNTERS.server_marks:
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
