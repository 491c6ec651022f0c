"""What a code object does that may lead into an extension, read from its bytecode.

Calls of functions written in C are reported by the interpreter. Constructors, iteration, attributes and operators are
not: for them each instruction that can run such code is listed, with the names that stand before it on its line.
"""

from __future__ import annotations

import builtins
import dis
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType

from leakhunt.agent.extensions import MRO, NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from leakhunt.agent.extensions import Extensions

CALL = "call"
_KINDS = (
    ("CALL_INTRINSIC", None, ()),
    ("CALL_FINALLY", None, ()),
    ("CALL", CALL, ("__call__",)),
    ("FOR_ITER", "iteration", ("__next__", "__iter__")),
    ("SEND", "iteration", ("__next__", "send")),
    ("YIELD_FROM", "iteration", ("__next__", "send")),
    ("GET_ITER", "iteration", ("__iter__",)),
    ("GET_YIELD_FROM_ITER", "iteration", ("__iter__",)),
    ("UNPACK", "iteration", ("__iter__", "__next__")),
    ("LIST_EXTEND", "iteration", ("__iter__", "__next__")),
    ("SET_UPDATE", "iteration", ("__iter__", "__next__")),
    ("DICT_UPDATE", "iteration", ("keys", "__iter__")),
    ("DICT_MERGE", "iteration", ("keys", "__iter__")),
    ("BUILD_TUPLE_UNPACK", "iteration", ("__iter__", "__next__")),
    ("BUILD_LIST_UNPACK", "iteration", ("__iter__", "__next__")),
    ("BUILD_MAP_UNPACK", "iteration", ("keys", "__iter__")),
    ("LOAD_ATTR", "attribute", ("__getattr__", "__getattribute__")),
    ("LOAD_METHOD", "attribute", ("__getattr__", "__getattribute__")),
    ("STORE_ATTR", "attribute", ("__setattr__",)),
    ("BINARY_SUBSCR", "item", ("__getitem__",)),
    ("BINARY_SLICE", "item", ("__getitem__",)),
    ("STORE_SUBSCR", "item", ("__setitem__",)),
    ("DELETE_SUBSCR", "item", ("__delitem__",)),
    ("BINARY", "operator", ()),
    ("INPLACE", "operator", ()),
    ("COMPARE_OP", "operator", ("__eq__", "__lt__")),
    ("CONTAINS_OP", "operator", ("__contains__",)),
    ("FORMAT", "operator", ("__format__", "__str__")),
    ("SETUP_WITH", "with", ("__enter__",)),
    ("BEFORE_WITH", "with", ("__enter__",)),
    ("WITH_CLEANUP_START", "with", ("__exit__",)),
    ("WITH_EXCEPT_START", "with", ("__exit__",)),
)
"""Start of an instruction's name -> what it does, and the methods that it may run; the first that fits."""
_ASKS = {
    "getattr": ("__getattr__", "__getattribute__"),
    "hasattr": ("__getattr__", "__getattribute__"),
    "setattr": ("__setattr__",),
    "next": ("__next__",),
    "len": ("__len__",),
    "str": ("__str__", "__repr__"),
    "print": ("__str__", "__repr__"),
    "repr": ("__repr__",),
    "hash": ("__hash__",),
    "bytes": ("__bytes__", "__iter__"),
    "iter": ("__iter__",),
    "dict": ("keys", "__iter__"),
}
"""Built-in function -> the methods of its arguments that it runs; all others iterate, if anything."""
_ITERATES = ("__iter__", "__next__")
_LARGEST = 20000
"""Bytes of code; a generated function may be huge, and each of its instructions would be looked at."""
_DROPS = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "POP_TOP")
_MISSING = object()


class Operation:
    """One instruction that may run an extension's code."""

    __slots__ = ("chains", "kind", "methods", "tries")

    def __init__(self, kind: str, methods: tuple[str, ...], chains: tuple[tuple[str, ...], ...]) -> None:
        self.kind = kind
        self.methods = methods
        self.chains = chains
        """The names before it on its line, each with the attributes taken from it, the nearest first."""
        self.tries = 0
        """How often nothing of an extension was found in it."""


DROP = Operation("drop", (), ())
"""Stores a result or throws it away, and lets go of what was there before: counted to the operation before it."""


def operations(code: CodeType) -> dict[int, Operation]:
    """The instructions that may lead into an extension, and those that drop something after them, by their offset."""
    found: dict[int, Operation] = {}
    if len(code.co_code) > _LARGEST:
        return found
    starts = dict(dis.findlinestarts(code))
    chains: dict[int | None, list[list[str]]] = {}
    line: int | None = None
    extends = follows = False
    for each in dis.get_instructions(code):
        line = starts.get(each.offset, line)
        here = chains.setdefault(line, [])
        kind, methods = _kind(each.opname)
        if kind is not None:
            found[each.offset] = Operation(kind, methods, tuple(tuple(chain) for chain in reversed(here)))
        elif follows and each.opname.startswith(_DROPS):
            found[each.offset] = DROP
        if each.opname not in {"CACHE", "PRECALL", "NOP"}:
            follows = kind is not None
        names = _names(each)
        if names:
            here.extend([name] for name in names)
        elif kind == "attribute" and extends and here and each.opname != "STORE_ATTR":
            here[-1].append(str(each.argval))
        elif each.opname in {"PUSH_NULL", "CACHE", "PRECALL", "RESUME"}:
            continue
        extends = bool(names) or (extends and each.opname in {"LOAD_ATTR", "LOAD_METHOD"})
    return {offset: each for offset, each in found.items() if each.chains or each is DROP}


def _kind(name: str) -> tuple[str | None, tuple[str, ...]]:
    return next(((kind, methods) for start, kind, methods in _KINDS if name.startswith(start)), (None, ()))


def _names(instruction: Any) -> list[str]:
    name = instruction.opname
    if not name.startswith(("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "STORE_FAST_")):
        return []
    value = instruction.argval
    if isinstance(value, tuple):  # two instructions in one
        return [str(each) for each in (value[1:] if name.startswith("STORE") else value)]
    return [str(value)] if isinstance(value, str) else []


def resolve(operation: Operation, frame: FrameType, extensions: Extensions) -> list[tuple[str, str]]:
    """What of extensions an instruction of this frame names: (shared object, function), the likeliest first.

    No code of the app is run for it: attributes that are computed are not looked up.
    """
    found: list[tuple[int, str, str]] = []
    builtin = None
    for chain in operation.chains:
        root = _root(chain[0], frame)
        if len(chain) == 1 and root is getattr(builtins, chain[0], _MISSING):
            builtin = builtin or chain[0]
    for chain in operation.chains:
        hit = _follow(chain, frame, operation, builtin, extensions)
        if hit is not None and hit not in found:
            found.append(hit)
    found.sort(key=lambda hit: hit[0])
    return [(file, function) for _, file, function in found]


def arguments(operation: Operation, frame: FrameType) -> list[Any]:
    """The data that a call is given, as far as it stands in names of this frame."""
    found = []
    for chain in operation.chains:
        thing = frame.f_locals.get(chain[0]) if len(chain) == 1 else None
        if thing is not None and not _is(thing, (type, ModuleType, FunctionType)):
            found.append(thing)
    return found


def _root(name: str, frame: FrameType) -> Any:
    for names in (frame.f_locals, frame.f_globals):
        if name in names:
            return names[name]
    return getattr(builtins, name, _MISSING)


def _follow(
    chain: tuple[str, ...], frame: FrameType, operation: Operation, builtin: str | None, extensions: Extensions
) -> tuple[int, str, str] | None:
    thing = _root(chain[0], frame)
    for position, name in enumerate(chain[1:], 2):
        owner, thing = thing, _attribute(thing, name)
        if thing is _MISSING:
            # A computed attribute of something that an extension has made: its name is all there is.
            made = None if owner is _MISSING else _defined(type(owner), (), extensions, whatever=True)
            if made is not None and operation.kind == CALL and position == len(chain):
                return (0, made[0], "%s.%s" % (made[1], name))
            return None if made is None else _instance(owner, operation, (), extensions)
    if thing is _MISSING or _is(thing, ModuleType):
        return None
    hit = _callable(thing, operation, extensions)
    if hit is not None or operation.kind != CALL:
        return hit or _instance(thing, operation, (), extensions)
    if builtin is not None:
        hit = _instance(thing, operation, _ASKS.get(builtin, _ITERATES), extensions)
        if hit is not None:
            return hit
    # What is only handed to a function does nothing by itself; unless it is what is called.
    hit = _instance(thing, operation, (), extensions)
    return hit if hit is not None and hit[2].endswith(".__call__") else None


def _is(thing: Any, kinds: Any) -> bool:
    """As `isinstance`, but a proxy is not asked what it would like to be."""
    return issubclass(type(thing), kinds)


def _callable(thing: Any, operation: Operation, extensions: Extensions) -> tuple[int, str, str] | None:
    if _is(thing, type):
        return _constructor(thing, operation, extensions)
    file = extensions.of_function(thing)
    # Where it is not called here, what it returned is iterated over and so on.
    return None if file is None or operation.kind == "attribute" else (0, file, function_name(thing))


def _constructor(kind: type, operation: Operation, extensions: Extensions) -> tuple[int, str, str] | None:
    """A type that is named is called, or what its constructor returned is iterated over and so on."""
    methods = ("__init__", "__new__") if operation.kind == CALL else operation.methods
    hit = _defined(kind, methods, extensions, whatever=operation.kind in {CALL, "iteration", "with"})
    return None if hit is None else (1, *hit)


def _instance(
    thing: Any, operation: Operation, methods: tuple[str, ...], extensions: Extensions
) -> tuple[int, str, str] | None:
    hit = _defined(type(thing), methods or operation.methods, extensions)
    return None if hit is None else (2, *hit)


def _defined(
    kind: type, methods: tuple[str, ...], extensions: Extensions, *, whatever: bool = False
) -> tuple[str, str] | None:
    """The first of these methods that an extension defines for the type; without one the type, if `whatever`."""
    made = [(base, file) for base in MRO(kind) for file in (extensions.of_type(base),) if file is not None]
    for method in methods:
        for base in MRO(kind):
            if method in NAMESPACE(base):
                file = extensions.of_type(base)
                if file is not None:
                    return file, "%s.%s" % (base.__qualname__, method)
                break  # written in Python, or the interpreter's own
    return (made[0][1], made[0][0].__qualname__) if made and whatever else None


def _attribute(thing: Any, name: str) -> Any:
    """An attribute that is stored, found without running any code of the app's."""
    if _is(thing, ModuleType):
        return vars(thing).get(name, _MISSING)
    if _is(thing, type):
        return _in_classes(thing, name)
    found = _in_classes(type(thing), name)
    if isinstance(found, MemberDescriptorType):
        try:
            return found.__get__(thing)
        except AttributeError:
            return _MISSING
    for base in MRO(type(thing)):
        getter = NAMESPACE(base).get("__dict__")
        if isinstance(getter, GetSetDescriptorType):
            try:
                namespace = getter.__get__(thing)
            except AttributeError:
                break
            if type(namespace) is dict and name in namespace:
                return namespace[name]
            break
    return found


def _in_classes(kind: type, name: str) -> Any:
    for base in MRO(kind):
        namespace = NAMESPACE(base)
        if name in namespace:
            found = namespace[name]
            return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    return _MISSING


def function_name(function: Any) -> str:
    """Its qualified name."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else str(function.__name__)
