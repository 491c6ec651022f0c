"""Where what a suspect retains was allocated: sampled blocks are objects, and the tree tells who dominates them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from leakhunt.analysis.frames import function_of, innermost_application, relative_file
from leakhunt.analysis.heap.dominators import DominatorTree
from leakhunt.model.heap import HeapGraph
from leakhunt.model.snapshot import Frame
from leakhunt.units import Bytes


def called(stack: Sequence[Frame]) -> str:
    """A site by the innermost line of the application, or the innermost line where there is none."""
    frame = innermost_application(stack) or (stack[0] if stack else None)
    if frame is None:
        return "outside Python"
    return f"{relative_file(frame.file)}:{frame.line} in {function_of(frame, stack)}"


def sites_of(graph: HeapGraph, tree: DominatorTree, rank: int) -> tuple[Bytes, tuple[tuple[str, float], ...]]:
    """About how many bytes of what an object retains were sampled as they were allocated; each site with its share."""
    found: Counter[str] = Counter()
    for number, (site, size) in graph.sampled.items():
        at = int(tree.ranks[number])
        if at and below(tree, at, rank):
            found[called(graph.sites[site])] += size
    total = found.total()
    return total, tuple((site, size / total) for site, size in found.most_common() if total)


def below(tree: DominatorTree, rank: int, above: int) -> bool:
    """Whether an object is dominated by another, or is that one."""
    if rank == above:
        return True
    if above >= tree.inner:
        return False
    at = rank if rank < tree.inner else int(tree.parents[rank])
    return bool(tree.places[above] <= tree.places[at] <= tree.lasts[above])
