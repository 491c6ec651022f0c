"""How to look into objects made in C, whose parts have names that the collector does not know."""

from __future__ import annotations

import gc
import io
import sys
import types
import weakref
from _contextvars import Context, Token

from leakhunt.agent.probes.names import mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.probes.walk import Plan, Walk


def rest(walk: Walk, thing: Any, node: int) -> None:
    """What the collector knows of that has no name."""
    walk.many(gc.get_referents(thing), node, ".<held>")


def frame_locals(walk: Walk, frame: Any, node: int, *, named: bool = True) -> None:
    """The local variables of a frame; with `named` each says whose it is."""
    function = f" of {frame.f_code.co_name}"
    for name, child in frame.f_locals.items():
        walk.one(child, node, f".<local {name}{function}>" if named else f".{name}")


def suspended(walk: Walk, thing: Any, node: int) -> None:
    """A generator, a coroutine or an asynchronous generator."""
    prefix = {types.GeneratorType: "gi", types.CoroutineType: "cr"}.get(type(thing), "ag")
    frame = getattr(thing, f"{prefix}_frame")
    if frame is not None:
        walk.own(frame, node)
        frame_locals(walk, frame, node)
    awaited = "gi_yieldfrom" if prefix == "gi" else f"{prefix}_await"
    walk.one(getattr(thing, awaited), node, f".{awaited}")
    rest(walk, thing, node)


def greenlet(walk: Walk, thing: Any, node: int) -> None:
    """A suspended greenlet: its stack is C's, so the collector sees nothing of it."""
    base = sys.modules["greenlet"].greenlet
    frame = base.gr_frame.__get__(thing)
    while frame is not None:
        walk.own(frame, node)
        frame_locals(walk, frame, node)
        frame = frame.f_back
    for name in ("parent", "gr_context"):
        walk.one(getattr(base, name).__get__(thing), node, f".{name}")


def _context(walk: Walk, thing: Any, node: int) -> None:
    for variable, value in thing.items():
        # Numbers in a name tell one instance's variable from another's: all of them are one place.
        walk.one(value, node, f"[<ContextVar {mask(variable.name)}>]")
        walk.one(variable, node, ".keys()[*]")
    _hash_trie(walk, thing, node)
    rest(walk, thing, node)


def _hash_trie(walk: Walk, thing: Any, node: int) -> None:
    """The nodes of the mapping that a context is: no hops."""
    for child in gc.get_referents(thing):
        if type(child).__name__.startswith("hamt") and walk.own(child, node):
            _hash_trie(walk, child, node)


def _future(walk: Walk, thing: Any, node: int) -> None:
    for callback, context in thing._callbacks or ():
        walk.one(callback, node, "._callbacks[*]")
        walk.one(context, node, "._callbacks[*].context")
    for name in ("_coro", "_fut_waiter", "_result", "_exception", "_source_traceback", "_loop"):
        walk.one(getattr(thing, name, None), node, f".{name}")
    if "__dict__" in dir(type(thing)):
        walk.names(thing.__dict__, node)
    rest(walk, thing, node)


def _simple_queue(walk: Walk, thing: Any, node: int) -> None:
    for child in gc.get_referents(thing):
        if type(child) is list and walk.own(child, node):
            walk.lengths[node] += len(child)
            walk.many(child, node, "[*]")
        elif not issubclass(type(child), type):
            walk.one(child, node, "[*]")


def reference(walk: Walk, thing: Any, node: int) -> None:
    """A weak reference: it holds what is to be called, not what it refers to."""
    walk.one(thing.__callback__, node, ".__callback__")


def _bound(walk: Walk, thing: Any, node: int) -> None:
    walk.one(thing.__self__, node, ".__self__")


def _view(walk: Walk, thing: Any, node: int) -> None:
    walk.many(gc.get_referents(thing), node, ".mapping")


def _memory(walk: Walk, thing: Any, node: int) -> None:
    walk.one(thing.obj, node, ".obj")


def _token(walk: Walk, thing: Any, node: int) -> None:
    walk.one(thing.old_value, node, ".old_value")
    walk.one(thing.var, node, ".var")
    rest(walk, thing, node)


# Buffers are enlarged by leaps, so that one which grows with every request would show it in one round out of many:
# what is counted is what has been written into them.


def _bytearray(walk: Walk, thing: Any, node: int) -> None:
    walk.sizes[node] += len(thing) + bytearray.__basicsize__ - sys.getsizeof(thing, 0)


def _bytes_io(walk: Walk, thing: Any, node: int) -> None:
    walk.sizes[node] += thing.seek(0, 2) + io.BytesIO.__basicsize__ - sys.getsizeof(thing, 0)


def _string_io(walk: Walk, thing: Any, node: int) -> None:
    walk.sizes[node] += int(thing.seek(0, 2))


def _array(walk: Walk, thing: Any, node: int) -> None:
    walk.sizes[node] += len(thing) * thing.itemsize + type(thing).__basicsize__ - sys.getsizeof(thing, 0)


EXACT: dict[type, Plan] = {
    types.GeneratorType: suspended,
    types.CoroutineType: suspended,
    types.AsyncGeneratorType: suspended,
    types.BuiltinFunctionType: _bound,
    types.MethodWrapperType: _bound,
    weakref.ReferenceType: reference,
    type({}.keys()): _view,
    type({}.values()): _view,
    type({}.items()): _view,
    types.MappingProxyType: _view,
    memoryview: _memory,
    bytearray: _bytearray,
    io.BytesIO: _bytes_io,
    io.StringIO: _string_io,
    Context: _context,
    Token: _token,
}
BUFFERS = (bytearray, io.BytesIO, io.StringIO)
BY_NAME: dict[str, Plan] = {
    "_asyncio.Future": _future,
    "_asyncio.Task": _future,
    "_queue.SimpleQueue": _simple_queue,
    "array.array": _array,
}
"""Types of modules that need not be there, by name."""
