"""Who else may hold what a path keeps.

The walk meets an object once, on the shortest way to it. A second container that holds the same objects has no growing
node below it, and would go unnoticed until the first is mended and memory grows as before. Its entries give it away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from leakhunt.analysis.explain import AloneRounds
from leakhunt.analysis.heap_tree import HeapTree

_MOST: Final = 3
"""Others told of one path."""


def other_owners(alone: AloneRounds, tree: HeapTree, top: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """Paths of containers that gained an exact multiple of every dose in entries, by that multiple.

    Left out are those that the topmost growing nodes hang on, as their holders, and what hangs on these nodes.
    """
    known = set(top)
    holders = {node for each in top for node in tree.chain(each)}
    owners: dict[int, list[str]] = defaultdict(list)
    for node, tally in alone.tally(tree.read_lengths).items():
        if tally.multiple and node not in holders and known.isdisjoint(tree.chain(node)):
            owners[tally.multiple].append(tree.path(node))
    return {multiple: tuple(sorted(paths, key=_plainness)[:_MOST]) for multiple, paths in owners.items()}


def _plainness(path: str) -> tuple[int, str]:
    return len(path), path
