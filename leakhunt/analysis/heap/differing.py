"""Two heaps of the same program: which types there are more of, and by way of what they are held.

After Eclipse MAT's comparison of dominator trees (`FindLeaksQuery2`): what holds a noticeable part of either heap is
found again by its path, in which entries of containers are not told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from leakhunt.analysis.heap.analysed import HeapAnalysis, entries, summary, type_rows
from leakhunt.analysis.heap.suspects import DROP
from leakhunt.model.heap_view import HeapDifference, HolderChange, Step, TypeChange, TypeRow
from leakhunt.units import Bytes

_SHARE: Final = 0.001
"""Of the heap: what retains less is not looked at as a holder."""
_MOST: Final = 5_000
"""Holders of a heap at most."""
NOTICEABLE: Final = 0.02
"""Of the first heap: what grew by less is no holder that grew; MAT's share."""

_Path: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """What the large holders of one path retain together."""

    retained: Bytes = 0
    entries: int | None = None
    objects: int = 0


def difference(before: HeapAnalysis, after: HeapAnalysis) -> HeapDifference:
    """What has changed; what has grown most comes first."""
    first, second = summary(before), summary(after)
    return HeapDifference(first, second, _types(before, after), _holders(before, after, NOTICEABLE * first.size))


def _types(before: HeapAnalysis, after: HeapAnalysis) -> tuple[TypeChange, ...]:
    old, new = ({row.type: row for row in type_rows(heap)} for heap in (before, after))
    changes = [
        TypeChange(name, old.get(name, TypeRow(name, 0, 0, 0)), new.get(name, TypeRow(name, 0, 0, 0)))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    return tuple(sorted(changes, key=lambda each: (each.before.shallow - each.after.shallow, each.type)))


def _holders(before: HeapAnalysis, after: HeapAnalysis, least: float) -> tuple[HolderChange, ...]:
    """Where growth comes together: what is below such a place, and what is above it, is left out."""
    old, new = _paths(before), _paths(after)
    grown = {path: held.retained - old.get(path, _Held()).retained for path, held in new.items()}
    grown = {path: growth for path, growth in grown.items() if growth >= max(1.0, least)}
    found: list[_Path] = []
    for path in sorted(grown, key=lambda path: (-grown[path], len(path))):
        if not _passed_on(path, grown, new) and not any(_below(path, holder) for holder in found):
            found.append(path)
    return tuple(
        HolderChange(
            path,
            old.get(path, _Held()).retained,
            new[path].retained,
            old.get(path, _Held()).entries,
            new[path].entries,
        )
        for path in found
    )


def _passed_on(path: _Path, grown: Mapping[_Path, int], held: Mapping[_Path, _Held]) -> bool:
    """Whether most of its growth is that of something further down, of which there are no more."""
    return any(
        _below(other, path) and growth >= DROP * grown[path] and held[other].objects <= held[path].objects
        for other, growth in grown.items()
    )


def _below(path: _Path, holder: _Path) -> bool:
    """Whether a path goes on from a holder; the dictionary of attributes is no step on the way further down."""
    stem = holder[:-1] if holder[-1].edge == ".__dict__" else holder
    return path != holder and len(path) > len(stem) and path[: len(stem)] == stem


def _paths(heap: HeapAnalysis) -> Mapping[_Path, _Held]:
    """What large holders retain, by path."""
    tree = heap.tree
    large = np.flatnonzero(tree.retained[1:] >= max(1, int(tree.retained[0] * _SHARE))) + 1
    large = large[np.argsort(-tree.retained[large], kind="stable")][:_MOST]
    found: dict[_Path, _Held] = {}
    for rank in large.tolist():
        number = int(tree.order[rank])
        path = heap.path(number, masked=True)
        held, more = found.get(path, _Held()), entries(heap.graph, number)
        found[path] = _Held(
            held.retained + int(tree.retained[rank]),
            held.entries if more is None else (held.entries or 0) + more,
            held.objects + 1,
        )
    return found
