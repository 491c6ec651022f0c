"""What objects and references are called, as one would write it in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from leakhunt.model.heap import Family, HeapGraph

BY_FAMILY: Final[Mapping[tuple[Family, Family | None], str]] = {
    (Family.SEQUENCE, None): "[*]",
    (Family.CELL, None): ".cell_contents",
    (Family.METHOD, Family.FUNCTION): ".__func__",
    (Family.METHOD, None): ".__self__",
    (Family.FUNCTION, Family.CODE): ".__code__",
    (Family.FUNCTION, Family.MAPPING): ".__globals__",
    (Family.FUNCTION, Family.SEQUENCE): ".<closure or defaults>",
}
"""What a reference without a name is called, by the families of who refers and of what is referred to, or any."""
NAMESPACES: Final = frozenset({Family.MODULE, Family.CLASS, Family.INSTANCE})

WORDS: Final = {Family.CLASS: "class", Family.FUNCTION: "function", Family.MODULE: "module", Family.CODE: "code"}


def describe(graph: HeapGraph, number: int) -> str:
    """An object: `shop.Order`, `class shop.Order`, `function shop.view`, `module shop`."""
    family, text = graph.family(number), graph.texts.get(number)
    if family is Family.STRING or text is None:
        return graph.type_name(number)
    return f"{WORDS.get(family, graph.type_name(number))} {text}"


def steps(graph: HeapGraph, way: Sequence[tuple[int, int]], *, masked: bool = False) -> list[tuple[str, int]]:
    """Of a way from a root each name and the object that it leads to; dictionaries of attributes are no step.

    With `masked` entries of dictionaries are not told apart.
    """
    found: list[tuple[str, int]] = []
    for (holder, _), (number, position) in pairwise(way):
        if is_namespace(graph, holder, number):
            continue
        before = found[-1][1] if found else way[0][0]
        inside = holder != before
        found.append((_reference(graph, holder, position - int(graph.starts[holder]), inside, masked), number))
    if len(way) > 1 and is_namespace(graph, way[-2][0], way[-1][0]):
        found.append((".__dict__", way[-1][0]))
    return found


def is_namespace(graph: HeapGraph, holder: int, number: int) -> bool:
    """Whether this is the dictionary in which the holder has its attributes."""
    return (
        graph.family(number) is Family.MAPPING
        and graph.family(holder) in NAMESPACES
        and (graph.family(holder) is not Family.INSTANCE or not graph.layouts[int(graph.marks[holder])])
        and graph.type_name(number) == "dict"
    )


def _reference(graph: HeapGraph, holder: int, place: int, inside: bool, masked: bool) -> str:
    family = graph.family(holder)
    if family is Family.MAPPING:
        return _entry(graph, holder, place, inside, masked)
    names = graph.layouts[int(graph.marks[holder])]
    if place < len(names):
        return f".{names[place]}"
    number = int(graph.held(holder)[place])
    child = graph.family(number if number >= 0 else -2 - number)
    return BY_FAMILY.get((family, child)) or BY_FAMILY.get((family, None)) or ".<held>"


def _entry(graph: HeapGraph, holder: int, place: int, inside: bool, masked: bool) -> str:
    entries = int(graph.marks[holder])
    if place >= entries:
        return ".keys()[*]" if place < 2 * entries else ".<held>"
    key = int(graph.held(holder)[entries + place])
    text = graph.texts.get(key) if key >= 0 and graph.family(key) is Family.STRING else None
    if inside and text is not None:
        return f".{text}"
    if text is not None and not masked:
        return f"[{text!r}]"
    return "['*']" if key >= 0 and graph.family(key) is Family.STRING else "[*]"
