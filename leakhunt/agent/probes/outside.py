"""What no Python object holds: told from cycles by its references, as the garbage collector does."""

from __future__ import annotations

import gc
import sys
import types
from _contextvars import Context

from leakhunt.agent.probes.met import IN_PAGE, PAGE, Met
from leakhunt.agent.probes.names import mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MANY = 255
"""References that are counted at most; an object with as many from others is not held by C alone."""
_NAMED = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
)


def held_by_c(tracked: list[Any], met: Met) -> tuple[list[Any], list[Any]]:
    """What was not met yet: what has more references than these objects give each other, and the rest.

    After `subtract_refs` of CPython's collector. Before Python 3.9 instances refer to their classes unseen, so classes
    are never among the first.
    """
    tracked.append([])  # shows how many references each object has from us
    left = [thing for thing in tracked if not met.has(thing)]
    references = _references(left)
    excess = [sys.getrefcount(thing) - references[id(thing) >> PAGE][id(thing) >> 4 & IN_PAGE] for thing in left]
    del tracked[-1], left[-1]
    ours = excess.pop()
    held: list[Any] = []
    rest: list[Any] = []
    for thing, more in zip(left, excess):
        (held if more > ours and not issubclass(type(thing), type) else rest).append(thing)
    return held, rest


def _references(objects: list[Any]) -> Met:
    """How often each object is referred to by these. Leaves no variable behind that refers to one of them."""
    references = Met()
    for thing in objects:
        for child in gc.get_referents(thing):
            page, position = references[id(child) >> PAGE], id(child) >> 4 & IN_PAGE
            if page[position] < _MANY:
                page[position] += 1
    return references


def told(thing: Any) -> str:
    """What to call an object that hangs on nothing."""
    kind = type(thing)  # a proxy is not asked what it would like to be
    if issubclass(kind, Context):
        return "context"
    if issubclass(kind, _NAMED):
        return f"{type(thing).__name__} {mask(thing.__qualname__)}"
    if issubclass(kind, types.FrameType):
        return f"frame {thing.f_code.co_name}"
    return "object"
