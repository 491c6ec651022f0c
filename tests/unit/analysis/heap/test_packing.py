"""The dominator tree in columns."""

from __future__ import annotations

import numpy as np

from leakhunt.analysis.heap.analysed import analyse_heap
from leakhunt.analysis.heap.packing import pack_tree
from unit.analysis.heap.shops import shop


def test_every_object_comes_before_what_it_dominates_and_the_larger_first() -> None:
    heap = analyse_heap(shop(20, spread=3))
    packed = pack_tree(heap)
    totals = np.concatenate([[0], np.cumsum(packed.sizes)])
    number = len(packed.counts)
    retained = totals[np.arange(number) + packed.counts] - totals[:number]
    assert sorted(retained.tolist()) == sorted(heap.tree.retained[1:].tolist())
    for at in range(number):
        child, below, last = at + 1, 0, retained[at]
        while child < at + packed.counts[at]:
            assert retained[child] <= last
            last = retained[child]
            below += retained[child]
            child += packed.counts[child]
        assert child == at + packed.counts[at]
        assert retained[at] == packed.sizes[at] + below
    first = packed.object_names[packed.names[0]], packed.edge_names[packed.edges[0]]
    second = packed.object_names[packed.names[1]], packed.edge_names[packed.edges[1]]
    assert (first, second) == (("dict", "module shop.__dict__"), ("dict", "._KEPT"))
