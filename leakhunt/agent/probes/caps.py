"""The most entries that a container will hold, where its code keeps to it.

A cap that is none turns a leak into a bounded cache, which is worse than a cap that is missed. So a number counts only
if it is the container's own (`lru_cache`, `deque`), or if code of its class or module reads it together with the
container and removes entries; and never if there are more entries already.
"""

from __future__ import annotations

import types
from collections import OrderedDict, deque

from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.plans import LRU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Optional, Tuple

    Cap = Tuple[Optional[int], Optional[str]]

SIZED: tuple[Any, ...] = (dict, list, tuple, set, frozenset, deque)
MERE = frozenset({dict, list, set, deque, OrderedDict})
"""Containers without a will of their own: what owns them keeps them small."""
_WORDS = ("max", "limit", "capacity", "bound")
"""One of them is in the name of a number that is a cap."""
_NO_ENTRIES = frozenset(
    {
        "age",
        "maxage",
        "time",
        "timeout",
        "ttl",
        "seconds",
        "wait",
        "delay",
        "retries",
        "tries",
        "attempts",
        "depth",
        "bytes",
    }
)
"""Numbers whose names have one of these words count something else."""
_REMOVES = ("pop", "clear", "evict", "cull", "prune", "trim", "purge", "discard", "remove", "expire", "_manage_size")
"""One of them is in the name of what takes entries out."""
_QUEUES = frozenset({"queue.Queue", "queue.LifoQueue", "queue.PriorityQueue", "asyncio.queues.Queue"})
"""These wait instead of removing."""
_DEEP = 2
"""Functions inside functions that are read."""


def cap_of(thing: Any, owner: Any = None, name: str = "") -> Cap:
    """The cap and where it is written; `owner` has the container as its attribute `name`."""
    if type(thing) is LRU:
        return thing.cache_info().maxsize, "cache_info().maxsize"
    if isinstance(thing, deque) and thing.maxlen is not None:
        return thing.maxlen, "deque.maxlen"
    if type(thing) not in MERE:
        return _fitting(thing, _own_cap(thing))
    if isinstance(owner, types.ModuleType):
        return _fitting(thing, _module_cap(owner, name))
    if owner is None or isinstance(owner, type) or _has_another(owner, thing):
        return None, None
    return _fitting(thing, _own_cap(owner))


def length_of(thing: Any) -> int:
    """Number of entries; -1 for what has none. Only of built-in containers, so that no code of the app is run."""
    for kind in SIZED:
        if isinstance(thing, kind):
            return int(kind.__len__(thing))  # the app's subclass may count otherwise
    return int(thing.cache_info().currsize) if type(thing) is LRU else -1


def _fitting(thing: Any, cap: Cap) -> Cap:
    number, _ = cap
    return cap if number is not None and length_of(thing) <= number else (None, None)


def _own_cap(thing: Any) -> Cap:
    """A number of an instance, or of its classes, that its methods keep to."""
    kind = type(thing)
    for name, value in _numbers(thing):
        if type_name(kind) in _QUEUES and name in {"maxsize", "_maxsize"}:
            return value, f"{kind.__name__}.{name}"
        if any(_keeps_to(code, {name}) for code in _methods(kind)):
            return _with_slack(thing, name, value), f"{kind.__name__}.{name}"
    return None, None


def _with_slack(thing: Any, name: str, value: int) -> int:
    """Some let entries exceed their capacity by a share before they remove any: SQLAlchemy's `LRUCache`."""
    threshold = _attributes(thing).get("threshold")
    return int(value * (1 + threshold)) if name == "capacity" and type(threshold) is float else value


def _module_cap(module: Any, container: str) -> Cap:
    """A constant beside a mere container that a function of the module reads with it: `re._MAXCACHE`."""
    for name, value in sorted(vars(module).items()):
        if _is_cap(name, value):
            for function in vars(module).values():
                if isinstance(function, types.FunctionType) and _keeps_to(function.__code__, {name, container}):
                    return value, f"{module.__name__}.{name}"
    return None, None


def _numbers(thing: Any) -> Iterator[tuple[str, int]]:
    attributes = _attributes(thing)
    if "getsizeof" in attributes:
        return  # entries have weights, and the cap is one of weight
    for space in (attributes, *(vars(base) for base in type(thing).__mro__)):
        for name, value in sorted(space.items(), key=lambda item: str(item[0])):
            if type(name) is str and _is_cap(name, value):
                yield name, value


def _is_cap(name: str, value: Any) -> bool:
    words = name.lower()
    return (
        type(value) is int
        and value > 0
        and any(word in words for word in _WORDS)
        and _NO_ENTRIES.isdisjoint(words.split("_"))
    )


def _attributes(thing: Any) -> dict[str, Any]:
    """Those in the instance's dictionary and in its slots; no code of the app is run."""
    found: dict[str, Any] = {}
    for base in type.__dict__["__mro__"].__get__(type(thing)):
        for name, value in type.__dict__["__dict__"].__get__(base).items():
            if type(value) is types.MemberDescriptorType:
                try:
                    found[name] = value.__get__(thing)
                except AttributeError:  # an empty slot
                    continue
    namespace = getattr(thing, "__dict__", None)
    return {**found, **namespace} if isinstance(namespace, dict) else found


def _has_another(owner: Any, thing: Any) -> bool:
    """Whether the owner has another container, of another length: which of them the cap is meant for is not known."""
    lengths = [length_of(each) for each in _attributes(owner).values() if type(each) in MERE and each is not thing]
    return any(length > 0 and abs(length - length_of(thing)) > 1 for length in lengths)


def _methods(kind: type) -> Iterator[types.CodeType]:
    for base in type.__dict__["__mro__"].__get__(kind):
        for value in list(type.__dict__["__dict__"].__get__(base).values()):
            function = getattr(value, "__func__", getattr(value, "fget", value))
            function = getattr(function, "__wrapped__", function)
            if isinstance(function, types.FunctionType):
                yield function.__code__


def _keeps_to(code: types.CodeType, names: set[str]) -> bool:
    """Whether a function reads all these names and takes something out of a container."""
    read = set(code.co_names)
    codes = [code]
    for _ in range(_DEEP):
        codes = [each for outer in codes for each in outer.co_consts if isinstance(each, types.CodeType)]
        read.update(name for inner in codes for name in inner.co_names)
    if not names <= read:
        return False
    return _deletes(code) or any(word in name for name in read for word in _REMOVES)


def _deletes(code: types.CodeType) -> bool:
    """`del container[key]`."""
    from opcode import opmap  # late: the import system's notes must not show in the heap that is looked at

    return opmap["DELETE_SUBSCR"] in code.co_code[::2]
