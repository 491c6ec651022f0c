"""Immediate dominators and retained sizes, exact, of a graph in flat columns.

The algorithm is the semi-NCA variant of Lengauer and Tarjan (L. Georgiadis, R. E. Tarjan, R. F. Werneck, "Finding
Dominators in Practice", JGAA 10 (2006), 69-94). What is particular to heaps: more than half of all objects refer to
nothing. They are left out until the tree of the others is there; then the dominator of such a leaf is the nearest
common ancestor of all that refer to it, and that is the one of the first and the last of them in preorder, which is
found for all leaves at once. Of the others most have one object only that refers to them, which is their dominator;
only the rest is gone through one by one.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from leakhunt.model.heap import Column


@dataclass(frozen=True, slots=True, eq=False)
class DominatorTree:
    """Objects have ranks in it: 0 is a root above all, and whatever dominates an object has a lower rank."""

    order: Column
    """Object by rank; -1 for rank 0."""
    ranks: Column
    """Rank by object; 0 where it cannot be reached."""
    parents: Column
    """Rank of the immediate dominator, by rank; 0 for rank 0."""
    retained: Column
    """Bytes that would be freed with an object, by rank."""
    inner: int
    """Ranks below this one are of objects that refer to others."""
    places: Column
    """Place in a preorder of the tree without leaves, by rank, below `inner`."""
    lasts: Column
    """The last place of what is below an object, or its own; by rank, below `inner`."""

    def children(self, rank: int) -> Column:
        """Ranks of what an object dominates immediately, the largest first."""
        found = np.flatnonzero(self.parents == rank)
        found = found[found != 0]
        column: Column = found[np.argsort(-self.retained[found], kind="stable")]
        return column


@dataclass(frozen=True, slots=True, eq=False)
class _Preorder:
    places: Column
    """Place of each vertex in a preorder of the tree."""
    order: Column
    """Vertex by place."""
    last: Column
    """The last place of what is below a vertex, or its own."""
    depth: int


def dominator_tree(starts: Column, targets: Column, roots: Column, sizes: Column) -> DominatorTree:
    """The tree of what can be reached from `roots`.

    Object n refers to `targets[starts[n]:starts[n + 1]]`; those below 0 are nothing. `sizes` are in bytes.
    """
    sources = np.repeat(np.arange(len(sizes), dtype=np.int32), np.diff(starts))
    real = (targets >= 0) & (targets != sources)
    leaf = np.ones(len(sizes), dtype=bool)
    leaf[sources[real]] = False
    between = real & ~leaf[np.where(real, targets, 0)]
    order = _preorder(sources[between], targets[between], roots[~leaf[roots]], len(sizes))
    numbers = np.zeros(len(sizes), dtype=np.int32)
    numbers[order[1:]] = np.arange(1, len(order), dtype=np.int32)
    parents = _semi_nca(*_predecessors(numbers, sources[between], targets[between], roots[~leaf[roots]]), len(order))
    del between
    ends = real & leaf[np.where(real, targets, 0)] & (numbers[sources] > 0)
    tree = _tree_preorder(parents)
    leaves, above = _leaves(parents, tree, numbers[sources[ends]], targets[ends], roots[leaf[roots]])
    order = np.concatenate([order, leaves])
    numbers[leaves] = np.arange(len(parents), len(order), dtype=np.int32)
    parents, inner = np.concatenate([parents, above]), len(parents)
    retained = _retained(parents, sizes, order, inner)
    return DominatorTree(order, numbers, parents, retained, inner, tree.places, tree.last)


def _preorder(sources: Column, targets: Column, roots: Column, number: int) -> Column:
    """Objects in the order in which a depth-first search meets them, after a -1 for the root above all."""
    starts = np.zeros(number + 1, dtype=np.int64)
    np.cumsum(np.bincount(sources, minlength=number), out=starts[1:])
    begin, held = array("q", starts.tobytes()), array("i", targets.tobytes())
    met = bytearray(number)
    found = array("i", [-1])
    stack = roots[::-1].tolist()
    take, push, note = stack.pop, stack.extend, found.append
    while stack:
        at = take()
        if not met[at]:
            met[at] = 1
            note(at)
            push(held[begin[at] : begin[at + 1]])
    return np.array(found, dtype=np.int32)


def _predecessors(numbers: Column, sources: Column, targets: Column, roots: Column) -> tuple[Column, Column]:
    """Where the predecessors of each number begin, and they: by number, those of the roots with the root above all."""
    reached = numbers[sources] > 0
    above = np.concatenate([numbers[sources[reached]], np.zeros(len(roots), dtype=np.int32)])
    below = np.concatenate([numbers[targets[reached]], numbers[roots]])
    number = int(numbers.max(initial=0)) + 1
    starts = np.zeros(number + 1, dtype=np.int64)
    np.cumsum(np.bincount(below, minlength=number), out=starts[1:])
    return starts, above[np.argsort(below, kind="stable")]


def _semi_nca(starts: Column, above: Column, number: int) -> Column:
    """Immediate dominators in a graph whose vertices are numbered in preorder, 0 being the root."""
    if number == 1:
        return np.zeros(1, dtype=np.int32)
    # The search came to a vertex from the one that it had met last of those before it which refer to it.
    below = np.repeat(np.arange(number, dtype=np.int32), np.diff(starts))
    spanning = np.zeros(number, dtype=np.int32)
    spanning[1:] = np.maximum.reduceat(np.where(above < below, above, -1), starts[1:-1])
    several = np.flatnonzero(np.diff(starts) > 1)
    semi = _semidominators(array("i", spanning.tobytes()), starts, above, several)
    dominators = array("i", spanning.tobytes())
    semis = np.frombuffer(semi, dtype=np.int32)
    for vertex in np.flatnonzero(semis < spanning).tolist():
        lowest, at = semi[vertex], dominators[vertex]
        while at > lowest:
            at = dominators[at]
        dominators[vertex] = at
    return np.array(dominators, dtype=np.int32)


def _semidominators(ancestors: array[int], starts: Column, above: Column, several: Column) -> array[int]:
    """Of every vertex; that of one with a single predecessor is that one.

    `ancestors` are those of the spanning tree, and are shortened on the way; vertices above the one that is looked at
    count as linked.
    """
    semi = ancestors[:]
    best = ancestors[:]
    begin, end = starts[several].tolist(), starts[several + 1].tolist()
    held = array("i", above.astype(np.int32).tobytes())
    for place in range(len(begin) - 1, -1, -1):
        vertex = int(several[place])
        least = semi[vertex]
        for each in held[begin[place] : end[place]]:
            if each > vertex:
                lower = best[each] if ancestors[each] <= vertex else _compress(each, vertex, ancestors, best)
                least = min(least, lower)
            elif each < least:
                least = each
        semi[vertex] = best[vertex] = least
    return semi


def _compress(vertex: int, linked: int, ancestors: array[int], best: array[int]) -> int:
    """The lowest semidominator on the way up from a vertex, as far as vertices are linked; shortens that way."""
    path = []
    above = ancestors[vertex]
    while above > linked:
        path.append(vertex)
        vertex = above
        above = ancestors[vertex]
    lowest = best[vertex]
    for each in reversed(path):
        ancestors[each] = above
        lowest = best[each] = min(best[each], lowest)
    return lowest


def _leaves(parents: Column, tree: _Preorder, above: Column, leaves: Column, roots: Column) -> tuple[Column, Column]:
    """Leaves, and the vertex that dominates each. `above` refer to them, and the root above all to `roots`."""
    above = np.concatenate([above, np.zeros(len(roots), dtype=np.int32)])
    leaves = np.concatenate([leaves, roots.astype(np.int32)])
    if not len(leaves):
        return leaves, above
    order = np.argsort(leaves, kind="stable")
    leaves, above = leaves[order], above[order]
    begin = np.flatnonzero(np.concatenate([[True], leaves[1:] != leaves[:-1]]))
    places = tree.places[above]
    low = tree.order[np.minimum.reduceat(places, begin)]
    high = tree.order[np.maximum.reduceat(places, begin)]
    return leaves[begin], _common(parents, tree, low, high).astype(np.int32)


def _tree_preorder(parents: Column) -> _Preorder:
    number = len(parents)
    counts = array("q", bytes(8)) * number
    above = array("i", parents.astype(np.int32).tobytes())
    for vertex in range(number - 1, 0, -1):
        counts[above[vertex]] += counts[vertex] + 1
    below = np.frombuffer(counts, dtype=np.int64)
    # How far each begins behind the one above it: those beside it that come first, and one.
    order = np.argsort(parents[1:], kind="stable") + 1
    sums = np.cumsum(below[order] + 1) - (below[order] + 1)
    groups = np.concatenate([[True], parents[order][1:] != parents[order][:-1]]) if number > 1 else np.zeros(0, bool)
    offsets = np.zeros(number, dtype=np.int64)
    if number > 1:
        offsets[order] = sums - np.repeat(sums[groups], np.diff(np.append(np.flatnonzero(groups), number - 1))) + 1
    places, steps, up, depth = offsets, np.minimum(np.arange(number), 1), parents.astype(np.int64), 0
    while up.any():  # each round goes twice as far up
        places = places + places[up]
        steps = steps + steps[up]
        up = up[up]
    depth = int(steps.max(initial=0))
    by_place = np.empty(number, dtype=np.int64)
    by_place[places] = np.arange(number)
    return _Preorder(places, by_place, places + below, depth)


def _common(parents: Column, tree: _Preorder, low: Column, high: Column) -> Column:
    """The nearest common ancestor of each pair, of which `low` comes first in preorder."""
    ups = [parents]
    while 1 << len(ups) <= tree.depth:
        ups.append(ups[-1][ups[-1]])
    goal = tree.places[high]
    at = low.copy()
    for up in reversed(ups):
        higher = up[at]
        at = np.where(tree.last[higher] < goal, higher, at)
    found: Column = np.where(tree.last[at] < goal, parents[at], at)
    return found


def _retained(parents: Column, sizes: Column, order: Column, inner: int) -> Column:
    own = np.zeros(len(order), dtype=np.int64)
    own[1:] = sizes[order[1:]]
    return subtree_sums(parents, own, inner)


def subtree_sums(parents: Column, values: Column, inner: int) -> Column:
    """For each rank the sum of the values of all that is below it, and its own; as from `DominatorTree`."""
    sums = values.astype(np.int64)
    from_leaves = np.bincount(parents[inner:], weights=sums[inner:], minlength=inner).astype(np.int64)
    totals = array("q", (sums[:inner] + from_leaves[:inner]).tobytes())
    above = array("i", parents[:inner].astype(np.int32).tobytes())
    for rank in range(inner - 1, 0, -1):
        totals[above[rank]] += totals[rank]
    sums[:inner] = np.frombuffer(totals, dtype=np.int64)
    return sums
