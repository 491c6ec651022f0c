"""Counts the calls of a callable that no known server holds: by the code of its function, changed for the time.

Whoever holds the function, or a method bound to it, calls it with the changed code. Unlike what `sys.monitoring` tells
about a code object this sees exceptions and the end of the response, and it works on every version.
"""

from __future__ import annotations

from leakhunt.agent import asgi
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import call, is_marked
from leakhunt.agent.sightings import METHOD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FunctionType
    from typing import Any

_TARGET = "what is called instead"
_KINDS = {0: ("def", ""), 0x20: ("def", "yield from "), 0x80: ("async def", "await ")}
"""Flag of a generator's or a coroutine's code -> how such a function is written that leaves everything to another."""
_KIND = 0x20 | 0x80 | 0x200
FUNCTION: Any = type(lambda: None)


class NoEntry(Exception):
    """The calls of this object cannot be seen; the text says why."""


class Entry:
    """What the changed code calls: the function as it was, and the request is counted on the way."""

    def __init__(self, function: FunctionType, receiver: Any) -> None:
        self.original = FUNCTION(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.original.__kwdefaults__ = function.__kwdefaults__
        self.receiver = receiver
        """The object whose method this is; the method of others is left alone."""

    def __call__(self, args: Any, kwargs: Any) -> Any:
        if self.receiver is None:
            return _count(self.original, args, kwargs)
        if args and args[0] is self.receiver:
            return _count(self.original.__get__(self.receiver), args[1:], kwargs)
        return self.original(*args, **kwargs)


class Trampolines:
    """The functions that have changed code now."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, CodeType, CodeType]] = []

    def put(self, app: Any) -> str:
        """Count the calls of `app`; the name of the function that was changed.

        Raises:
            NoEntry: it is not written in Python.
        """
        function, receiver = _function_of(app)
        original = function.__code__
        ours = _code(original, Entry(function, receiver))
        function.__code__ = ours
        self._done.append((function, original, ours))
        COUNTERS.server_marks = True
        return f"{function.__module__}.{function.__qualname__}"

    def any(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._done)

    def undo(self) -> list[str]:
        """Give the functions their own code back; the names of those whose code someone has changed since."""
        left = []
        while self._done:
            function, original, ours = self._done.pop()
            if function.__code__ is ours:
                function.__code__ = original
            else:
                left.append(f"{function.__module__}.{function.__qualname__}")
        return left


TRAMPOLINES = Trampolines()


def _count(app: Any, args: Any, kwargs: Any) -> Any:
    if is_marked():
        return app(*args, **kwargs)
    if len(args) == 2 and not kwargs:
        return call(app, *args)
    return asgi.enter(app, args, kwargs)


def _function_of(app: Any) -> tuple[Any, Any]:
    """The function that runs when `app` is called, and the object it is bound to."""
    if type(app) is FUNCTION:
        return app, None
    if type(app) is METHOD and type(app.__func__) is FUNCTION:
        return app.__func__, app.__self__
    if isinstance(app, type):
        raise NoEntry("it is a class")
    for each in type(app).__mro__:
        found = vars(each).get("__call__")
        if type(found) is FUNCTION:
            return found, app
        if found is not None:
            break
    raise NoEntry("it is not written in Python")


def _code(original: CodeType, target: Entry) -> CodeType:
    """Code that hands all arguments to `target`, and can take the place of the original.

    For that it has to be of the same kind, and needs as many free variables. It names them where it never comes to.
    """
    kind = original.co_flags & _KIND
    if kind not in _KINDS:
        raise NoEntry("it is an asynchronous generator")
    define, wait = _KINDS[kind]
    names = ", ".join(original.co_freevars) or "None"
    makers = ", ".join(original.co_freevars)
    text = (
        f"def make({makers}):\n {define} entry(*_args, **_kwargs):\n"
        f"  _target = {_TARGET!r}\n  return ({wait}_target(_args, _kwargs))\n  {names}\n return entry\n"
    )
    space: dict[str, Any] = {}
    exec(compile(text, f"<{__name__}>", "exec", dont_inherit=True), space)  # noqa: S102  # our own text
    code: CodeType = space["make"](*original.co_freevars).__code__
    constants = tuple(target if each == _TARGET else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_name=original.co_name)
