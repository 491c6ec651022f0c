"""Names of all objects at once are those of each."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from heaps import take_heap
from leakhunt.analysis.heap.analysed import HeapAnalysis, analyse_heap
from leakhunt.analysis.heap.labels import edge_labels, object_labels
from leakhunt.analysis.heap.naming import describe
from unit.analysis.heap.shops import shop

PROGRAM = """
class Order:
    def __init__(self, number):
        self.number, self.tags = number, {str(number): [number]}
KEPT = {"order %d" % number: Order(number) for number in range(50)}
WITH_DICT = Order(1)
vars(WITH_DICT)
CLOSURE = (lambda kept: lambda: kept)([KEPT])
METHOD = KEPT.get
"""


def agree(heap: HeapAnalysis, objects: list[int]) -> None:
    edges, edge_names = edge_labels(heap, np.array(objects))
    names, object_names = object_labels(heap, np.array(objects))
    found = [edge_names[each] for each in edges]
    assert [".__dict__" if name.endswith(".__dict__") else name for name in found] == [
        heap.path(number)[-1].edge for number in objects
    ]
    assert any(name.startswith("module ") and name.endswith(".__dict__") for name in found)
    assert [object_names[each] for each in names] == [describe(heap.graph, number) for number in objects]
    assert len(set(edge_names)) == len(edge_names)


def test_names_of_all_objects_are_those_of_each() -> None:
    heap = analyse_heap(shop(5, spread=2))
    agree(heap, heap.tree.order[1:].tolist())


def test_it_is_so_in_the_heap_of_a_process(tmp_path: Path) -> None:
    graph, _ = take_heap(Path(sys.executable), PROGRAM, tmp_path, keys=True)
    heap = analyse_heap(graph)
    agree(heap, heap.tree.order[1::7].tolist())
