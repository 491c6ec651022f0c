"""Finds live objects of given classes: first where it costs nothing to look, then in the whole heap.

Nothing is imported, and no code of the app runs: an object is known by the identity of its class.
"""

from __future__ import annotations

import gc
import sys

from leakhunt.agent.originals import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterable, Iterator

MAIN = "main thread"
THREAD = "other thread"
SIGNAL = "signal handler"
HEAP = "heap"
_OPTIMIZED = 0x1
"""Flag of code whose variables are no dictionary, which is all but modules and class bodies."""
_OURS = 3
"""References to the copy of a frame's variables that nobody else has: the frame's, ours, and that of the call."""


class Method:
    """Only here for its type to be asked."""

    def bound(self) -> None: ...


METHOD: Any = type(Method().bound)


def family(classes: Iterable[type]) -> dict[int, type]:
    """These classes and all that inherit from one, by identity."""
    found: dict[int, type] = {}
    waiting = list(classes)
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found[id(each)] = each
            waiting += type.__subclasses__(each)
    return found


def quick(classes: dict[int, type], modules: frozenset[str]) -> Iterator[tuple[Any, str]]:
    """Objects in the variables of running functions, or whose method handles a signal, and where they were seen.

    Looked at are functions of these top-level `modules` only.
    """
    for ident, top in sys._current_frames().items():
        if ident == get_ident():
            continue
        frame: FrameType | None = top
        seen: list[Any] = []
        while frame is not None:
            if str(frame.f_globals.get("__name__")).split(".")[0] in modules:
                seen += [value for value in _variables(frame) if id(type(value)) in classes]
            frame = frame.f_back
        for value in seen:
            yield value, MAIN if ident == _main_thread() else THREAD
    for value in _signal_handlers():
        if id(type(value)) in classes:
            yield value, SIGNAL


def thorough(classes: dict[int, type]) -> Iterator[tuple[Any, str]]:
    """All objects that the garbage collector knows of and the app has not frozen.

    The collector itself looks for what refers to these classes, as every object does to its own. That holds the app up
    (about 50 ms for each million objects), but unlike a list of all objects takes no memory, and leaves pages
    alone that the process shares with others.
    """
    for each in gc.get_referrers(*classes.values()):
        if id(type(each)) in classes:
            yield each, HEAP


def _variables(frame: FrameType) -> list[Any]:
    """The values of a frame's variables, without leaving a copy of them in it."""
    if sys.version_info < (3, 11):
        return gc.get_referents(frame)
    variables = frame.f_locals
    values = list(variables.values())
    # Before 3.13 the frame keeps the copy, and with it a connection that the app has long let go of. One that the app
    # has asked for itself (`locals()`) is left as it is.
    if type(variables) is dict and frame.f_code.co_flags & _OPTIMIZED and sys.getrefcount(variables) <= _OURS:
        variables.clear()
    return values


def _signal_handlers() -> list[Any]:
    """The objects whose methods handle signals."""
    _signal: Any = __import__("_signal")  # not the module around it, which makes an enumeration of each
    handlers = []
    for number in range(1, _signal.NSIG):
        try:
            handlers.append(_signal.getsignal(number))
        except ValueError:  # the C library keeps it for itself
            continue
    return [each.__self__ for each in handlers if type(each) is METHOD]


def _main_thread() -> int | None:
    """Its ident, where the app has loaded `threading`."""
    main = getattr(sys.modules.get("threading"), "_main_thread", None)
    ident: int | None = getattr(main, "_ident", None)
    return ident
