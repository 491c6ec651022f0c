"""Live objects by type with their sizes: those the collector knows, and what only they lead to, such as strings."""

from __future__ import annotations

import gc
import sys
from itertools import islice

from leakhunt.agent.probes.met import IN_PAGE, PAGE, Met
from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.plans import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from leakhunt.agent.child import Scene

STRIDE = 20_000
"""Objects that are looked at together."""


def inventory(_: Any, scene: Scene) -> list[tuple[str, int, int]]:
    """Rows of (type, count, bytes); the bytes are those of the objects alone, not of what they refer to.

    Most of what leaks by the megabyte, strings and bytes, is unknown to the collector: it is counted once, where
    something that is known leads to it. The agent's own classes are left out; its functions and modules are not.
    """
    counts: dict[type, int] = {}
    sizes: dict[type, int] = {}
    met = Met()
    met.add(scene.tracked)
    met.add(scene.__dict__)
    for thing in scene.tracked:
        met.add(thing)
    level = scene.tracked
    while level:
        found: list[Any] = []
        for some in _pieces(level):
            scene.check()
            _weigh(some, counts, sizes)
            _meet(gc.get_referents(*some), met, found)
        level = found
    return _rows(counts, sizes)


def _pieces(things: list[Any]) -> Iterator[list[Any]]:
    rest = iter(things)
    while True:
        some = list(islice(rest, STRIDE))
        if not some:
            return
        yield some


def _weigh(things: list[Any], counts: dict[type, int], sizes: dict[type, int]) -> None:
    getsizeof = sys.getsizeof
    for thing in things:
        kind = type(thing)
        try:
            size = getsizeof(thing, 0)
        except Exception:  # `__sizeof__` of the app's
            size = 0
        if kind in counts:
            counts[kind] += 1
            sizes[kind] += size
        else:
            counts[kind], sizes[kind] = 1, size


def _meet(things: list[Any], met: Met, found: list[Any]) -> None:
    """Keep those that were not met yet. Loops over the whole heap, so it does by itself what `Met.add` does."""
    bits, mask = PAGE, IN_PAGE
    for thing in things:
        identity = id(thing)
        page = met[identity >> bits]
        identity = identity >> 4 & mask
        if not page[identity]:
            page[identity] = 1
            found.append(thing)


def _rows(counts: dict[type, int], sizes: dict[type, int]) -> list[tuple[str, int, int]]:
    # Classes that are made anew with every request have one name, and one row.
    rows: dict[str, tuple[int, int]] = {}
    for kind, count in counts.items():
        name = type_name(kind)
        if not name.startswith(OWN + "."):
            before = rows.get(name, (0, 0))
            rows[name] = before[0] + count, before[1] + sizes[kind]
    return [(name, count, size) for name, (count, size) in rows.items()]
