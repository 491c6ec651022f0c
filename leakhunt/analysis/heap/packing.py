"""The whole dominator tree in four columns, so that a page can show any part of it at once."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.heap.analysed import HeapAnalysis
from leakhunt.analysis.heap.dominators import subtree_sums
from leakhunt.analysis.heap.labels import edge_labels, object_labels
from leakhunt.model.heap import Column
from leakhunt.model.heap_view import PackedTree


def pack_tree(heap: HeapAnalysis) -> PackedTree:
    """All objects in preorder, of those beside each other the ones that retain more first.

    What an object retains is the sum of sizes from it to the end of what is below it.
    """
    tree = heap.tree
    counts = subtree_sums(tree.parents, np.ones(len(tree.order), dtype=np.int64), tree.inner)
    order = _preorder(tree.parents, counts, tree.retained)[1:]
    objects = tree.order[order]
    edges, edge_names = edge_labels(heap, objects)
    kinds, kind_names = object_labels(heap, objects)
    return PackedTree(counts[order], heap.graph.sizes[objects], edges, kinds, edge_names, kind_names)


def _preorder(parents: Column, counts: Column, retained: Column) -> Column:
    """Ranks in preorder, rank 0 first."""
    number = len(parents)
    if number == 1:
        return np.zeros(1, dtype=np.int64)
    # How far each begins behind the one above it: what comes before it beside it, and one.
    beside = np.lexsort((-retained[1:], parents[1:])) + 1
    before = np.cumsum(counts[beside]) - counts[beside]
    groups = np.flatnonzero(np.concatenate([[True], parents[beside][1:] != parents[beside][:-1]]))
    places = np.zeros(number, dtype=np.int64)
    places[beside] = before - np.repeat(before[groups], np.diff(np.append(groups, number - 1))) + 1
    up = parents.astype(np.int64)
    while up.any():  # each round goes twice as far up
        places = places + places[up]
        up = up[up]
    order = np.empty(number, dtype=np.int64)
    order[places] = np.arange(number)
    return order
