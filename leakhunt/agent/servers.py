"""Where each WSGI server takes its callable: wrapped there, so that the first request is already counted."""

from __future__ import annotations

from leakhunt.agent.journal import note
from leakhunt.agent.middleware import counted
from leakhunt.agent.patches import PATCHES
from leakhunt.agent.process import command_line, uwsgi_callable
from leakhunt.agent.swaps import SWAPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def gunicorn(module: ModuleType) -> None:
    """Every worker class asks `BaseApplication.wsgi` for the callable."""
    PATCHES.wrap(module.BaseApplication, "wsgi", _wrap_result)


def waitress(module: ModuleType) -> None:
    """The server keeps the callable it is made with."""
    PATCHES.wrap(module.BaseWSGIServer, "__init__", _wrap_attribute("application"))


def wsgiref(module: ModuleType) -> None:
    """The server is given the callable after it is made; Django's `runserver` inherits that."""
    PATCHES.wrap(module.WSGIServer, "set_app", _wrap_attribute("application"))


def werkzeug(module: ModuleType) -> None:
    """The server keeps the callable it is made with."""
    PATCHES.wrap(module.BaseWSGIServer, "__init__", _wrap_attribute("app"))


def cheroot(module: ModuleType) -> None:
    """The server keeps the callable it is made with."""
    PATCHES.wrap(module.Server, "__init__", _wrap_attribute("wsgi_app"))


def gevent(module: ModuleType) -> None:
    """The server keeps the callable it is made with."""
    PATCHES.wrap(module.WSGIServer, "__init__", _wrap_attribute("application"))


def uwsgi(module: ModuleType) -> None:
    """The server is C: it takes the callable from its module, once that is imported."""
    known = uwsgi_callable(command_line())
    if known is not None:
        setattr(module, known[1], counted(getattr(module, known[1])))


def _wrap_result(original: Any) -> Callable[..., Any]:
    def wsgi(self: Any) -> Any:
        return counted(original(self))

    return wsgi


def _wrap_attribute(name: str) -> Callable[[Any], Callable[..., Any]]:
    def wrapper(original: Any) -> Callable[..., Any]:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            try:
                _replace(self, name)
            except Exception:
                note(name)
            return result

        return method

    return wrapper


def _replace(server: Any, name: str) -> None:
    app = getattr(server, name, None)
    ours = counted(app)
    if ours is not app:
        SWAPS.put(server, name, ours)
