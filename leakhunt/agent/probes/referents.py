"""What an object refers to, in an order that tells the names: by its type one of three ways to ask.

Nothing here runs code of the app, compares objects or keeps one alive.
"""

from __future__ import annotations

import gc
import sys
import types

from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.plans import is_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Tuple

    from leakhunt.agent.probes.met import Met

    _Layouts = Dict[Tuple[str, ...], int]
    _Kinds = Dict[type, int]

    Seen = Tuple[int, List[Any], int]
    """Number of the layout, what is referred to, and bytes that the size of the object does not tell."""
    Look = Callable[[Any], Seen]
else:
    _Layouts = _Kinds = dict

PLAIN, DICT, NAMED, CODED = range(4)
"""What the collector is told, in its order; values and then keys; by a function of its own (`Kinds.looks`); as the
first, and its names are to be noted."""

OTHER, MAPPING, SEQUENCE, INSTANCE, MODULE, CLASS, FUNCTION, CODE, FRAME, CELL, METHOD, STRING, GREENLET, OWN = range(
    14
)
"""What objects of a type are to whoever names the edges: see `docs/reference/heap-file.md`."""

_FAMILIES = (
    (dict, MAPPING),
    ((list, tuple, set, frozenset), SEQUENCE),
    (str, STRING),
    (types.ModuleType, MODULE),
    (type, CLASS),
    (types.FunctionType, FUNCTION),
    (types.CodeType, CODE),
    (types.FrameType, FRAME),
    (types.CellType, CELL),
    (types.MethodType, METHOD),
)
_SUSPENDED = {
    types.GeneratorType: "gi_frame",
    types.CoroutineType: "cr_frame",
    types.AsyncGeneratorType: "ag_frame",
}
_HEAP_TYPE = 1 << 9
"""Flag of classes that are made at run time, as by a `class` statement."""
_MOST_LAYOUTS = 200_000
_INLINE = sys.version_info >= (3, 11)
"""Attributes may be without a dictionary."""
_APART = sys.version_info < (3, 13)
"""Those are in a block of their own then, of which the size of the object knows nothing."""


class Layouts(_Layouts):
    """Numbers of the lists of names that edges have; 0 is that of no names."""

    def __init__(self) -> None:
        super().__init__({(): 0})

    def __missing__(self, names: tuple[str, ...]) -> int:
        if len(self) >= _MOST_LAYOUTS:
            return 0
        number = self[names] = len(self)
        return number


class Ways(_Kinds):
    """How the objects of a type are to be asked: `PLAIN`, `DICT`, `NAMED` or `CODED`."""

    def __init__(self, kinds: Kinds) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, kind: type) -> int:
        self._kinds[kind]  # notes it here
        return self[kind]


class Kinds(_Kinds):
    """Numbers of types, given as they are met, and how their objects are to be asked."""

    def __init__(self, met: Met, frames: Callable[[Any], None]) -> None:
        """`met` has every object that was there before the child looked; `frames` is given frames that are met."""
        super().__init__()
        self.rows: list[tuple[str, int, int]] = []
        """Name, family and address of each."""
        self.ways = Ways(self)
        self.looks: dict[type, Look] = {}
        self.sizes: dict[type, Callable[[Any], int]] = {}
        self.layouts = Layouts()
        self._met = met
        self._frames = frames

    def __missing__(self, kind: type) -> int:
        greenlet: Any = getattr(sys.modules.get("greenlet"), "greenlet", None)
        is_greenlet = isinstance(greenlet, type) and issubclass(kind, greenlet)
        number = self[kind] = len(self.rows)
        family = GREENLET if is_greenlet else OWN if is_own(kind) else _family(kind)
        self.rows.append((type_name(kind), family, id(kind)))
        self.sizes[kind] = _size_of(kind)
        if family == OWN:
            look: Look | None = _unnamed
        else:
            look = self._with_frame(greenlet.gr_frame.__get__) if is_greenlet else self._look_at(kind)
        if look is not None:
            self.looks[kind] = look
        self.ways[kind] = NAMED if look is not None else DICT if kind is dict else CODED if _coded(kind) else PLAIN
        return number

    def frame(self, frame: Any) -> Seen:
        """Local variables by name, then its caller, then what else it holds."""
        names, values = _locals(frame)
        back = frame.f_back
        if back is not None:
            self._frames(back)
            names.append("f_back")
            values.append(back)
        return self.layouts[tuple(names)], _before(values, gc.get_referents(frame)), 0

    def instance(self, slots: list[Callable[[Any], Any]], names: list[str], getter: Any) -> Look:
        """How to look at instances of a class: slots, attributes in their order, and what else they hold."""

        def look(thing: Any) -> Seen:
            held = gc.get_referents(thing)
            named: list[str] = []
            values: list[Any] = []
            if slots:
                _fill(thing, zip(names, slots), set(map(id, held)), named, values)
            namespace = getter(thing) if getter is not None and _INLINE else None
            more = 0
            if type(namespace) is dict and id(namespace) not in map(id, held):
                if self._met.has(namespace):
                    held.append(namespace)  # it was there, and shares the attributes with the object (3.13 and later)
                else:
                    named += namespace
                    values += namespace.values()
                    more = dict.__sizeof__(namespace) - dict.__basicsize__ if _APART else 0
            return (self.layouts[tuple(named)], _before(values, held), more) if named else (0, held, 0)

        return look

    def _look_at(self, kind: type) -> Look | None:
        if kind is types.FrameType:
            return self.frame
        if kind in _SUSPENDED:
            return self._suspended(_SUSPENDED[kind])
        if issubclass(kind, dict):
            return None if kind is dict else _mapping
        if _flags(kind) & _HEAP_TYPE and not _coded(kind) and not issubclass(kind, types.ModuleType):
            names, slots, getter = _attributes(kind)
            if slots or (getter is not None and _INLINE):
                return self.instance(slots, names, getter)
        return None if self.sizes[kind] is sys.getsizeof else _unnamed

    def _suspended(self, name: str) -> Look:
        def look(thing: Any) -> Seen:
            frame = getattr(thing, name)
            held = gc.get_referents(thing)
            if frame is None:
                return 0, held, 0
            names, values = _locals(frame)
            return self.layouts[tuple(names)], _before(values, [each for each in held if each is not frame]), 0

        return look

    def _with_frame(self, getter: Callable[[Any], Any]) -> Look:
        """A greenlet: its stack is C's, so the collector sees nothing of it."""

        def look(thing: Any) -> Seen:
            frame = getter(thing)
            held = gc.get_referents(thing)
            if frame is None:
                return 0, held, 0
            self._frames(frame)
            return self.layouts["gr_frame",], _before([frame], held), 0

        return look


def built_in(thing: Any) -> list[Any]:
    """What a class holds of which the collector is told nothing, since it is not made at run time."""
    if not issubclass(type(thing), type):
        return []
    namespace = gc.get_referents(type.__dict__["__dict__"].__get__(thing))
    return [*namespace, type.__dict__["__mro__"].__get__(thing), type.__dict__["__bases__"].__get__(thing)]


def _unnamed(thing: Any) -> Seen:
    return 0, gc.get_referents(thing), 0


def _coded(kind: type) -> bool:
    return kind is types.FunctionType or kind is types.CodeType or issubclass(kind, type)


def _family(kind: type) -> int:
    for base, family in _FAMILIES:
        if issubclass(kind, base):
            return family
    return INSTANCE if _flags(kind) & _HEAP_TYPE else OTHER


def _flags(kind: type) -> int:
    flags: int = type.__dict__["__flags__"].__get__(kind)
    return flags


def _size_of(kind: type) -> Callable[[Any], int]:
    """`sys.getsizeof`, unless it would run code of the app, which may count what is held, too, or take its time."""
    for base in type.__dict__["__mro__"].__get__(kind):
        found = type.__dict__["__dict__"].__get__(base).get("__sizeof__")
        if found is not None:
            return sys.getsizeof if type(found) is types.MethodDescriptorType else object.__sizeof__
    return sys.getsizeof


def _attributes(kind: type) -> tuple[list[str], list[Callable[[Any], Any]], Any]:
    """Names of slots, how to get what is in them, and how to get the dictionary."""
    names: list[str] = []
    slots: list[Callable[[Any], Any]] = []
    getter = None
    for base in type.__dict__["__mro__"].__get__(kind):
        for name, value in type.__dict__["__dict__"].__get__(base).items():
            if type(value) is types.MemberDescriptorType:
                names.append(name)
                slots.append(value.__get__)
            elif name == "__dict__" and type(value) is types.GetSetDescriptorType and getter is None:
                getter = value.__get__
    return names, slots, getter


def _fill(thing: Any, slots: Iterable[Any], there: set[int], names: list[str], values: list[Any]) -> None:
    """What is in the slots, if it is an object that is `there`: some members of C are made when they are asked for."""
    for name, get in slots:
        try:
            value = get(thing)
        except AttributeError:  # it is empty
            continue
        if id(value) in there:
            names.append(name)
            values.append(value)


def _before(first: list[Any], held: list[Any]) -> list[Any]:
    """These, and then what else is held."""
    there = set(map(id, first))
    first += [each for each in held if id(each) not in there]
    return first


def _mapping(thing: Any) -> Seen:
    values = list(dict.values(thing))
    number = len(values)
    values += dict.keys(thing)
    return number, _before(values, gc.get_referents(thing)), 0


def _locals(frame: Any) -> tuple[list[str], list[Any]]:
    found = frame.f_locals
    if found is frame.f_globals or type(found).__name__ not in {"dict", "FrameLocalsProxy"}:
        return [], []  # those of the module, or of a mapping that the app has made
    variables = dict(found)
    return list(variables), list(variables.values())
