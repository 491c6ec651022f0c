"""The wrapper around a WSGI callable: counts its requests and otherwise is not there."""

from __future__ import annotations

from _contextvars import ContextVar

from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.journal import note
from leakhunt.agent.routes import request_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Mark:
    """One request in flight. Holds two short strings and a pattern, nothing of the request itself."""

    __slots__ = ("method", "open", "path", "pattern")

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.pattern: str | None = None
        self.open = True

    def finish(self) -> None:
        """Count the request, once."""
        if self.open:
            self.open = False
            try:
                COUNTERS.finish(self.method, self.path, self.pattern)
            except Exception:
                note("finish")


class Onlooker:
    """What looks on while requests are handled, in some of the explain rounds; else there is none."""

    watch: Any = None


CURRENT: ContextVar[Mark | None] = ContextVar("leakhunt_request", default=None)


def is_marked() -> bool:
    """Whether what runs in this context is part of a request that is counted already."""
    mark = CURRENT.get()
    return mark is not None and mark.open


def name_route(pattern: str) -> None:
    """Give the request that is being handled in this context the pattern its framework has matched."""
    mark = CURRENT.get()
    if mark is not None:
        mark.pattern = pattern


class Counted:
    """A WSGI callable whose requests are counted; every other attribute is the callable's own."""

    _leakhunt_retired = False

    def __init__(self, app: Any) -> None:
        object.__setattr__(self, "__wrapped__", app)

    def retire(self) -> None:
        """Count nothing any more: somebody else may hold this wrapper for ever."""
        object.__setattr__(self, "_leakhunt_retired", True)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__wrapped__, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 2 or self._leakhunt_retired:
            return self.__wrapped__(*args, **kwargs)
        return call(self.__wrapped__, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


def counted(app: Any) -> Any:
    """`app` wrapped, unless that was done already or it is no WSGI callable."""
    if isinstance(app, Counted) or not callable(app) or is_coroutine(app):
        return app
    COUNTERS.server_marks = True
    return Counted(app)


def call(app: Callable[[Any, Any], Any], environ: Any, start_response: Any) -> Any:
    """Call the WSGI callable and count the request when its response has been sent."""
    mark = _begin(environ) if COUNTERS.active else None
    if mark is None:
        return app(environ, start_response)
    token = CURRENT.set(mark)
    try:
        watch = Onlooker.watch
        result = app(environ, start_response) if watch is None else watch.run(app, environ, start_response)
    except BaseException:
        mark.finish()
        raise
    finally:
        forget_mark(token)
    kind = type(result)
    if kind is list or kind is tuple or kind is bytes:
        # None of the app's code runs from here on, and servers send these in their own, quicker ways.
        mark.finish()
        return result
    return _watched(result, mark, environ)


class Response:
    """The iterable of a response: as it was, and the request ends when it is closed, exhausted or dropped."""

    __slots__ = ("_closed", "_iterable", "_iterator", "_mark")

    def __init__(self, iterable: Any, mark: Mark) -> None:
        self._iterable = iterable
        self._mark = mark
        self._iterator: Any = None
        self._closed = False

    def __iter__(self) -> Any:
        self._iterator = iter(self._iterable)
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        watch = Onlooker.watch
        try:
            return next(self._iterator) if watch is None else watch.run(next, self._iterator)
        except BaseException:
            self._mark.finish()
            raise

    def close(self) -> None:
        """Close the response, once, if it wants to be closed."""
        if self._closed:
            return
        self._closed = True
        try:
            if hasattr(self._iterable, "close"):
                self._iterable.close()
        finally:
            self._iterator = None
            self._mark.finish()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterable, name)

    def __del__(self) -> None:
        self._mark.finish()


class SizedResponse(Response):
    """A response of known length: servers set Content-Length from a length of one."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)


def _watched(result: Any, mark: Mark, environ: Any) -> Any:
    try:
        file_wrapper = environ.get("wsgi.file_wrapper")
        # uWSGI sends bytes as they are, which no iterable of ours can pass for.
        if isinstance(result, bytes) or (isinstance(file_wrapper, type) and isinstance(result, file_wrapper)):
            mark.finish()
            return result
        return SizedResponse(result, mark) if hasattr(result, "__len__") else Response(result, mark)
    except Exception:
        note("response")
        mark.finish()
        return result


def _begin(environ: Any) -> Mark | None:
    try:
        if not isinstance(environ, dict) or "REQUEST_METHOD" not in environ:
            return None
        mark = Mark(environ["REQUEST_METHOD"], request_path(environ))
        COUNTERS.start()
    except Exception:
        note("begin")
        return None
    return mark


def forget_mark(token: Any) -> None:
    """Take the mark of a request out of its context again."""
    try:
        CURRENT.reset(token)
    except ValueError:  # a greenlet switched contexts in between: the mark is that context's to forget
        note("context")


def is_coroutine(app: Any) -> bool:
    """Whether a call of it makes a coroutine, as far as its code tells."""
    functions = (app, vars(type(app)).get("__call__"))
    return any(getattr(getattr(each, "__code__", None), "co_flags", 0) & 0x80 for each in functions)
