"""How to look into an object: for each type, the edges by which it reaches others, as a reader would write them."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from _thread import _local as thread_local
from collections import OrderedDict, defaultdict, deque
from functools import lru_cache

from leakhunt.agent.probes import natives
from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.natives import frame_locals, rest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from leakhunt.agent.probes.walk import Plan, Walk

OWN = "_leakhunt_agent"
TRANSPARENT = frozenset({"Counted", "Response", "SizedResponse"})
"""Classes of ours through which the app is reached."""
LRU = type(lru_cache(maxsize=None)(len))


def plan_for(kind: type) -> Plan:
    """The plan for objects of this type."""
    exact = EXACT.get(kind) or natives.BY_NAME.get(type_name(kind))
    if exact is not None:
        return exact
    if is_own(kind):
        return _nothing
    if issubclass(kind, type):
        return _class
    greenlet = getattr(sys.modules.get("greenlet"), "greenlet", None)
    bases = INHERITED if greenlet is None else ((greenlet, natives.greenlet), *INHERITED)
    plans = [plan for base, plan in bases if issubclass(kind, base)][:1]
    attributes = _attributes(kind)
    if not plans or plans[0] is natives.greenlet:
        plans += [attributes, rest]
    else:
        plans.append(attributes)

    def plan(walk: Walk, thing: Any, node: int) -> None:
        for each in plans:
            each(walk, thing, node)

    return plan


def is_own(kind: type) -> bool:
    """Whether objects of this type are the agent's, and nothing of the app's is behind them."""
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


def _dict(walk: Walk, thing: Any, node: int) -> None:
    walk.lengths[node] += dict.__len__(thing)
    walk.many(dict.values(thing), node, "['*']")
    walk.many(dict.keys(thing), node, ".keys()[*]")


def _default_dict(walk: Walk, thing: Any, node: int) -> None:
    _dict(walk, thing, node)
    walk.one(thing.default_factory, node, ".default_factory")


def _list(walk: Walk, thing: Any, node: int) -> None:
    walk.lengths[node] += list.__len__(thing)
    walk.many(list.__iter__(thing), node, "[*]")


def _set(walk: Walk, thing: Any, node: int) -> None:
    walk.lengths[node] += set.__len__(thing)
    walk.many(set.__iter__(thing), node, "[*]")


def _deque(walk: Walk, thing: Any, node: int) -> None:
    walk.lengths[node] += deque.__len__(thing)
    walk.many(deque.__iter__(thing), node, "[*]")


def _items(walk: Walk, thing: Any, node: int) -> None:
    walk.many(gc.get_referents(thing), node, "[*]")


def _tuple(walk: Walk, thing: Any, node: int) -> None:
    fields = getattr(type(thing), "_fields", None)
    if isinstance(fields, tuple) and len(fields) == tuple.__len__(thing):
        for name, child in zip(fields, tuple.__iter__(thing)):
            walk.one(child, node, f".{name}")
    else:
        walk.many(tuple.__iter__(thing), node, "[*]")


def _module(walk: Walk, thing: Any, node: int) -> None:
    namespace = vars(thing)
    walk.names(namespace, node)
    rest(walk, thing, node)  # what modules in C keep to themselves


def _class(walk: Walk, thing: Any, node: int) -> None:
    if is_own(thing):
        return
    for name, child in type.__dict__["__dict__"].__get__(thing).items():
        walk.one(child, node, f".{name}")
    for child in gc.get_referents(thing):
        if type(child) in {dict, tuple}:  # its namespace, its bases, its order of resolution
            walk.own(child, node)
        elif not issubclass(type(child), type):
            walk.one(child, node, ".<held>")
    walk.many(thing.__bases__, node, ".__bases__[*]")


def _function(walk: Walk, thing: Any, node: int) -> None:
    walk.names(thing.__dict__, node)
    for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or ()):
        walk.own(cell, node)
        _cell_under(walk, cell, node, f".<closure {name}>")
    walk.many(thing.__defaults__ or (), node, ".__defaults__[*]")
    walk.many((thing.__kwdefaults__ or {}).values(), node, ".__kwdefaults__['*']")
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
    walk.lengths[node] += thing.cache_info().currsize
    parts = gc.get_referents(thing)
    for cache in parts:
        if type(cache) is dict:
            walk.own(cache, node)
            walk.many(cache.keys(), node, ".cache.keys()[*]")
            parts = [*cache.values(), *parts]
    for part in parts:
        if type(part).__name__ == "_lru_list_elem":  # where the cache has a limit; what it has is told by one of both
            walk.own(part, node)
            walk.many(gc.get_referents(part), node, ".cache['*']")
        elif not issubclass(type(part), type):
            walk.one(part, node, ".cache['*']")


def _local(walk: Walk, thing: Any, node: int) -> None:
    for child in gc.get_referents(thing):
        walk.own(child, node)
        if type(child) is dict:
            for namespace in child.values():
                if type(namespace) is dict:
                    walk.names(namespace, node)


def _frame(walk: Walk, thing: Any, node: int) -> None:
    if thing.f_code.co_filename.startswith(f"<{OWN}"):
        return
    frame_locals(walk, thing, node)
    walk.one(thing.f_back, node, ".f_back")


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
    set: _set,
    frozenset: _items,
    deque: _deque,
    OrderedDict: _dict,
    defaultdict: _default_dict,
    types.ModuleType: _module,
    types.FunctionType: _function,
    types.MethodType: _method,
    types.CodeType: _nothing,
    types.CellType: _cell,
    types.FrameType: _frame,
    types.TracebackType: _traceback,
    type: _class,
    LRU: _lru_cache,
    **natives.EXACT,
}
INHERITED: tuple[tuple[type, Plan], ...] = (
    (defaultdict, _default_dict),
    (dict, _dict),
    (list, _list),
    (tuple, _tuple),
    (set, _set),
    (frozenset, _items),
    (deque, _deque),
    (types.ModuleType, _module),
    (thread_local, _local),
    (BaseException, _exception),
    (weakref.ReferenceType, natives.reference),
    *((kind, natives.EXACT[kind]) for kind in natives.BUFFERS),
)
"""For subclasses, before their slots and attributes; the first that fits."""
