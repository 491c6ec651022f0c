"""How old the entries of holders are, as far as the collector's lists tell.

A new object is put at the end of the youngest list, and what has lived through a collection at the end of the next
older one. So what was made first comes first, about: what a collection meets before what refers to it is moved.
"""

from __future__ import annotations

import gc
import sys
from collections import deque

from leakhunt.agent.probes.met import IN_PAGE, PAGE, Met
from leakhunt.agent.probes.paths import explore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

    from leakhunt.agent.child import Scene

MOST = 200
"""Holders at most: one byte has to tell them apart."""
_OLDEST_FIRST = (2, 1, 0)
_CONTAINERS = (list, tuple, set, frozenset, deque)


def ages(request: list[dict[str, Any]], scene: Scene) -> list[dict[str, Any]]:
    """One row per holder: how many of its entries the collector tracks, and how many of these are in its newer half.

    None at all where its lists are in no order: without a global lock there are only the allocator's pages.
    """
    if "t" in getattr(sys, "abiflags", ""):
        return []
    chains = [tuple((edge, kind) for edge, kind in path["chain"]) for path in request][:MOST]
    walk = explore(scene.tracked, chains, scene.check)
    found = {walk.goals[place]: things for place, things in walk.found.items()}
    owners = Met()
    for number, chain in enumerate(chains, 1):
        for thing in found.get(chain, ()):
            for entry in _entries(thing):
                owners[id(entry) >> PAGE][id(entry) >> 4 & IN_PAGE] = number
    dated, newer = _count(owners, len(chains) + 1, len(scene.tracked))
    return [
        {"path": path["path"], "dated": dated[number], "newer": newer[number]}
        for number, path in enumerate(request[:MOST], 1)
    ]


def _entries(thing: Any) -> Iterable[Any]:
    if isinstance(thing, dict):
        return dict.values(thing)
    return gc.get_referents(thing) if isinstance(thing, _CONTAINERS) else ()


def _count(owners: Met, owned: int, tracked: int) -> tuple[list[int], list[int]]:
    """By the number of their owner: objects in the lists, and those beyond the first half of what was tracked."""
    dated, newer = [0] * owned, [0] * owned
    position = 0
    for generation in _OLDEST_FIRST:
        for thing in gc.get_objects(generation=generation):
            owner = owners[id(thing) >> PAGE][id(thing) >> 4 & IN_PAGE]
            if owner:
                dated[owner] += 1
                newer[owner] += 2 * position >= tracked
            position += 1
    return dated, newer
