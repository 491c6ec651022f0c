"""Names of very many objects at once: by which reference each is reached, and what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from leakhunt.analysis.heap.analysed import HeapAnalysis
from leakhunt.analysis.heap.naming import BY_FAMILY, NAMESPACES, WORDS, describe
from leakhunt.model.heap import Column, Family

_KIND: Final = 1 << 33
"""Kinds of names are this far apart, so that each name is one number."""
_HELD, _IS_KEY, _OTHER_KEY, _UNTOLD, _TOLD = range(5)
"""References of a mapping: no entry; a key; entries whose key is no string, is not told, or is the so manieth text."""


def edge_labels(heap: HeapAnalysis, objects: Column) -> tuple[Column, tuple[str, ...]]:
    """For each object the number of the last name on its path, and the names: what `HeapAnalysis.path` ends with.

    But for dictionaries of modules and classes, which say of which.
    """
    graph, reach = heap.graph, heap.reach
    families = _families(heap)
    ways = reach.ways[objects]
    holders, places = _from(heap, ways)
    keys = 2 * _KIND + families[holders] * 32 + families[objects]
    mapped = families[holders] == Family.MAPPING
    starts, names = _layouts(heap)
    marks = np.where(mapped, 0, graph.marks[holders])
    listed = ~mapped & (places < starts[marks + 1] - starts[marks])
    keys[listed] = (starts[marks] + places)[listed]
    inside = _namespaces(heap, families, holders)
    keys[mapped] = (3 * _KIND + 2 * _entries(heap, families, holders, places) + inside)[mapped]
    names_of = _namespaces(heap, families, objects)
    keys[names_of] = (4 * _KIND + holders)[names_of]
    keys[ways < 0] = 5 * _KIND + objects[ways < 0].astype(np.int64)

    def text(key: int) -> str:
        kind, number = divmod(key, _KIND)
        if kind == 2:
            pair = Family(number // 32), Family(number % 32)
            return BY_FAMILY.get(pair) or BY_FAMILY.get((pair[0], None)) or ".<held>"
        if kind == 3:
            return _entry(heap, number // 2, inside=bool(number % 2))
        if kind == 4:
            of_code = graph.family(number) in WORDS
            return f"{describe(graph, number)}.__dict__" if of_code else ".__dict__"
        return reach.roots[number] if kind == 5 else f".{names[number]}"

    return _told(keys, text)


def object_labels(heap: HeapAnalysis, objects: Column) -> tuple[Column, tuple[str, ...]]:
    """For each object the number of what it is called by itself, and the names: `naming.describe`."""
    ranks = heap.graph.texts.ranks(objects)
    named = (ranks >= 0) & np.isin(_families(heap)[objects], list(WORDS))
    keys = np.where(named, _KIND + objects.astype(np.int64), heap.kinds[objects].astype(np.int64))
    return _told(keys, lambda key: describe(heap.graph, key - _KIND) if key >= _KIND else heap.names[key])


def _told(keys: Column, text: Callable[[int], str]) -> tuple[Column, tuple[str, ...]]:
    """Each name once, though several numbers may stand for it."""
    unique, inverse = np.unique(keys, return_inverse=True)
    numbers: dict[str, int] = {}
    places = np.array([numbers.setdefault(text(key), len(numbers)) for key in unique.tolist()], dtype=np.int64)
    return (places[inverse] if len(unique) else inverse), tuple(numbers)


def _families(heap: HeapAnalysis) -> Column:
    column: Column = np.array([kind.family for kind in heap.graph.types], dtype=np.int64)[heap.graph.kinds]
    return column


def _from(heap: HeapAnalysis, ways: Column) -> tuple[Column, Column]:
    """Who refers, and the how manieth reference of it that is."""
    holders = np.maximum(np.searchsorted(heap.graph.starts, ways, side="right") - 1, 0)
    return holders, np.maximum(ways - heap.graph.starts[holders], 0)


def _layouts(heap: HeapAnalysis) -> tuple[Column, list[str]]:
    """Where each list of names begins in one list of all names."""
    starts = np.cumsum([0, *map(len, heap.graph.layouts)])
    return np.append(starts, starts[-1]), [name for names in heap.graph.layouts for name in names]


def _entries(heap: HeapAnalysis, families: Column, holders: Column, places: Column) -> Column:
    """What references of mappings are, as numbers that `_entry` knows."""
    graph = heap.graph
    entries = graph.marks[holders].astype(np.int64)
    entry = (families[holders] == Family.MAPPING) & (places < entries)
    keys = graph.targets[np.where(entry, graph.starts[holders] + entries + places, 0)]
    strings = entry & (keys >= 0) & (families[np.maximum(keys, 0)] == Family.STRING)
    ranks = graph.texts.ranks(keys)
    others = np.where(entry, _OTHER_KEY, np.where(places < 2 * entries, _IS_KEY, _HELD))
    return np.where(strings, np.where(ranks >= 0, _TOLD + ranks, _UNTOLD), others)


def _entry(heap: HeapAnalysis, number: int, *, inside: bool) -> str:
    if number < _TOLD:
        return (".<held>", ".keys()[*]", "[*]", "['*']")[number]
    text = heap.graph.texts.at(number - _TOLD)
    return f".{text}" if inside else f"[{text!r}]"


def _namespaces(heap: HeapAnalysis, families: Column, objects: Column) -> Column:
    """Which objects are dictionaries of attributes: as `naming.is_namespace`, of the one that leads to them."""
    ways = heap.reach.ways[objects]
    holders, _ = _from(heap, ways)
    plain = np.array([kind.name == "dict" for kind in heap.graph.types], dtype=bool)[heap.graph.kinds[objects]]
    bare = (families[holders] != Family.INSTANCE) | (heap.graph.marks[holders] == 0)
    found: Column = (ways >= 0) & plain & bare & np.isin(families[holders], [int(each) for each in NAMESPACES])
    return found
