"""The wrapper around an ASGI callable. Requests that are handled at the same time have a context each."""

from __future__ import annotations

from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.journal import note
from leakhunt.agent.middleware import CURRENT, Counted, Mark, Onlooker, forget_mark
from leakhunt.agent.routes import mask_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CountedAsgi(Counted):
    """An ASGI callable whose HTTP requests are counted; every other attribute is the callable's own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._leakhunt_retired:
            return self.__wrapped__(*args, **kwargs)
        return enter(self.__wrapped__, args, kwargs)


def enter(app: Any, args: Any, kwargs: Any) -> Any:
    """The coroutine of one call.

    It is the app's own for what is no HTTP request (lifespan, websockets): these may live for hours, and
    nothing of ours must be on their stack when the agent has left.
    """
    scope = args[0] if args else kwargs.get("scope")
    if not COUNTERS.active or not is_request(scope) or len(args) + len(kwargs) != 3:
        return app(*args, **kwargs)
    return _handle(app, args, kwargs, scope)


def is_request(scope: Any) -> bool:
    """Whether this is the scope of an HTTP request."""
    return isinstance(scope, dict) and scope.get("type") == "http"


async def _handle(app: Any, args: Any, kwargs: Any, scope: dict[str, Any]) -> Any:
    mark = _begin(scope)
    if mark is None:
        return await app(*args, **kwargs)
    token = CURRENT.set(mark)
    if Onlooker.watch is not None:
        Onlooker.watch.pass_over("an event loop handles it")
    try:
        return await app(*args, **kwargs)
    finally:
        forget_mark(token)
        _name(mark, scope)
        mark.finish()


def _begin(scope: dict[str, Any]) -> Mark | None:
    try:
        mark = Mark(str(scope["method"]), str(scope["path"]) or "/")
        COUNTERS.start()
    except Exception:
        note("begin")
        return None
    return mark


def _name(mark: Mark, scope: dict[str, Any]) -> None:
    """FastAPI, and newer versions of Starlette, leave the route that they have chosen in the scope."""
    try:
        route = scope.get("route")
        if mark.pattern is None and hasattr(route, "methods"):
            mark.pattern = pattern_of(mark, scope, route)
    except Exception:
        note("route")


def pattern_of(mark: Mark, scope: dict[str, Any], route: Any) -> str | None:
    """The pattern of a route of Starlette, below what the route itself does not match.

    Where its application is mounted, or its router included, is not told by the route. Of the path that was asked
    for this is the part in front of the one that its own pattern matches.
    """
    pattern = getattr(route, "path_format", None)
    if not isinstance(pattern, str):
        return None
    root = str(scope.get("root_path", ""))
    position = len(root) if mark.path.startswith(root) else 0
    while position >= 0:
        if route.path_regex.match(mark.path[position:]):
            return mask_path(mark.path[:position]) + pattern
        position = mark.path.find("/", position + 1)
    return pattern
