"""How to look into an object: for each type, the edges by which it reaches others, as a reader would write them."""

from __future__ import annotations

import gc
import re
import types
from _contextvars import Context
from _thread import _local as thread_local
from collections import OrderedDict, defaultdict, deque
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from leakhunt.agent.probes.walk import Plan, Walk

OWN = "_leakhunt_agent"
TRANSPARENT = frozenset({"Counted", "Response", "SizedResponse"})
"""Classes of ours through which the app is reached."""
_NUMBER = re.compile(r"\d+")
LRU = type(lru_cache(maxsize=None)(len))


def plan_for(kind: type) -> Plan:
    """The plan for objects of this type."""
    exact = EXACT.get(kind)
    if exact is not None:
        return exact
    if _is_own(kind):
        return _nothing
    plans = [plan for base, plan in INHERITED if issubclass(kind, base)][:1]
    if issubclass(kind, type):
        return _class
    attributes = _attributes(kind)
    plans.append(attributes)
    if not plans[:-1]:
        plans.append(_rest)

    def plan(walk: Walk, thing: Any, node: int) -> None:
        for each in plans:
            each(walk, thing, node)

    return plan


def _is_own(kind: type) -> bool:
    module = getattr(kind, "__module__", None)
    return isinstance(module, str) and module.startswith(OWN) and kind.__name__ not in TRANSPARENT


def _attributes(kind: type) -> Plan:
    """Slots and the instance's dictionary, by their descriptors: no code of the app is run."""
    slots: list[tuple[str, Callable[[Any], Any]]] = []
    getter: Callable[[Any], Any] | None = None
    for base in type.__dict__["__mro__"].__get__(kind):
        for name, value in type.__dict__["__dict__"].__get__(base).items():
            if type(value) is types.MemberDescriptorType:
                slots.append(("." + name, value.__get__))
            elif name == "__dict__" and type(value) is types.GetSetDescriptorType and getter is None:
                getter = value.__get__

    def plan(walk: Walk, thing: Any, node: int) -> None:
        for name, get in slots:
            try:
                walk.one(get(thing), node, name)
            except AttributeError:  # an empty slot
                continue
        if getter is not None:
            namespace = getter(thing)
            if isinstance(namespace, dict):
                walk.names(namespace, node)

    return plan


def _nothing(walk: Walk, thing: Any, node: int) -> None:
    """For what is ours, and for code, which has many parts and none that grow."""


def _rest(walk: Walk, thing: Any, node: int) -> None:
    """What the collector knows of that has no name."""
    walk.many(gc.get_referents(thing), node, ".<held>")


def _dict(walk: Walk, thing: Any, node: int) -> None:
    walk.many(dict.values(thing), node, "['*']")
    walk.many(dict.keys(thing), node, ".keys()[*]")


def _default_dict(walk: Walk, thing: Any, node: int) -> None:
    _dict(walk, thing, node)
    walk.one(thing.default_factory, node, ".default_factory")


def _items(walk: Walk, thing: Any, node: int) -> None:
    walk.many(gc.get_referents(thing), node, "[*]")


def _list(walk: Walk, thing: Any, node: int) -> None:
    walk.many(list.__iter__(thing), node, "[*]")


def _tuple(walk: Walk, thing: Any, node: int) -> None:
    fields = getattr(type(thing), "_fields", None)
    if isinstance(fields, tuple) and len(fields) == tuple.__len__(thing):
        for name, child in zip(fields, tuple.__iter__(thing)):
            walk.one(child, node, f".{name}")
    else:
        walk.many(tuple.__iter__(thing), node, "[*]")


def _module(walk: Walk, thing: Any, node: int) -> None:
    walk.names(vars(thing), node)


def _class(walk: Walk, thing: Any, node: int) -> None:
    if _is_own(thing):
        return
    for name, child in type.__dict__["__dict__"].__get__(thing).items():
        walk.one(child, node, f".{name}")
    for child in gc.get_referents(thing):
        if type(child) in {dict, tuple}:  # its namespace, its bases, its order of resolution
            walk.own(child, node)
        elif not isinstance(child, type):
            walk.one(child, node, ".<held>")
    walk.many(thing.__bases__, node, ".__bases__[*]")


def _function(walk: Walk, thing: Any, node: int) -> None:
    for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or ()):
        walk.own(cell, node)
        _cell_under(walk, cell, node, f".<closure {name}>")
    walk.many(thing.__defaults__ or (), node, ".__defaults__[*]")
    walk.many((thing.__kwdefaults__ or {}).values(), node, ".__kwdefaults__['*']")
    walk.names(thing.__dict__, node)
    walk.one(thing.__code__, node, ".__code__")
    for child in gc.get_referents(thing):
        if child is thing.__closure__ or child is thing.__defaults__:
            walk.own(child, node)
        elif type(child) in {tuple, dict}:
            walk.one(child, node, ".__globals__" if child is thing.__globals__ else ".__annotations__")


def _cell(walk: Walk, thing: Any, node: int) -> None:
    _cell_under(walk, thing, node, ".cell_contents")


def _cell_under(walk: Walk, cell: Any, node: int, edge: str) -> None:
    try:
        walk.one(cell.cell_contents, node, edge)
    except ValueError:  # an empty cell
        return


def _method(walk: Walk, thing: Any, node: int) -> None:
    walk.one(thing.__self__, node, ".__self__")
    walk.one(thing.__func__, node, ".__func__")


def _lru_cache(walk: Walk, thing: Any, node: int) -> None:
    walk.names(thing.__dict__, node)
    for child in gc.get_referents(thing):
        if type(child) is dict:
            walk.own(child, node)
            links = [each for each in child.values() if type(each).__name__ != "_lru_list_elem"]
            walk.many(links, node, ".cache['*']")
            walk.many(child.keys(), node, ".cache.keys()[*]")
        elif type(child).__name__ == "_lru_list_elem":
            walk.own(child, node)
            walk.many(gc.get_referents(child), node, ".cache['*']")
        else:
            walk.one(child, node, ".cache['*']")


def _local(walk: Walk, thing: Any, node: int) -> None:
    for child in gc.get_referents(thing):
        walk.own(child, node)
        if type(child) is dict:
            for namespace in child.values():
                if type(namespace) is dict:
                    walk.names(namespace, node)


def _context(walk: Walk, thing: Any, node: int) -> None:
    for variable, value in thing.items():
        # Numbers in a name tell one instance's variable from another's: all of them are one place.
        walk.one(value, node, f"[<ContextVar {_NUMBER.sub('*', variable.name)}>]")
    _rest(walk, thing, node)


def _generator(walk: Walk, thing: Any, node: int) -> None:
    frame = getattr(thing, "gi_frame", None) or getattr(thing, "cr_frame", None) or getattr(thing, "ag_frame", None)
    if frame is not None:
        walk.own(frame, node)
        frame_locals(walk, frame, node)
    _rest(walk, thing, node)


def _frame(walk: Walk, thing: Any, node: int) -> None:
    if thing.f_code.co_filename.startswith(f"<{OWN}"):
        return
    frame_locals(walk, thing, node)
    walk.one(thing.f_back, node, ".f_back")


def frame_locals(walk: Walk, frame: Any, node: int) -> None:
    """The local variables of a frame."""
    for name, child in frame.f_locals.items():
        walk.one(child, node, f".{name}")


def _traceback(walk: Walk, thing: Any, node: int) -> None:
    walk.one(thing.tb_frame, node, ".tb_frame")
    walk.one(thing.tb_next, node, ".tb_next")


def _exception(walk: Walk, thing: Any, node: int) -> None:
    for name in ("args", "__traceback__", "__context__", "__cause__"):
        walk.one(getattr(BaseException, name).__get__(thing), node, f".{name}")


EXACT: dict[type, Plan] = {
    dict: _dict,
    list: _list,
    tuple: _items,
    set: _items,
    frozenset: _items,
    deque: _items,
    OrderedDict: _dict,
    defaultdict: _default_dict,
    types.ModuleType: _module,
    types.FunctionType: _function,
    types.MethodType: _method,
    types.CodeType: _nothing,
    types.CellType: _cell,
    types.FrameType: _frame,
    types.TracebackType: _traceback,
    types.GeneratorType: _generator,
    types.CoroutineType: _generator,
    types.AsyncGeneratorType: _generator,
    type: _class,
    LRU: _lru_cache,
    Context: _context,
}
INHERITED: tuple[tuple[type, Plan], ...] = (
    (defaultdict, _default_dict),
    (dict, _dict),
    (list, _list),
    (tuple, _tuple),
    (set, _items),
    (frozenset, _items),
    (deque, _items),
    (types.ModuleType, _module),
    (thread_local, _local),
    (BaseException, _exception),
)
"""For subclasses, before their slots and attributes; the first that fits."""
