"""Two heaps of the same program."""

from __future__ import annotations

from leakhunt.analysis.heap.analysed import analyse_heap
from leakhunt.analysis.heap.differing import difference
from unit.analysis.heap.shops import shop


def test_the_holder_that_grew_is_named_and_those_above_it_are_not() -> None:
    found = difference(analyse_heap(shop(10, spread=2)), analyse_heap(shop(110, spread=2)))
    (holder,) = found.holders
    assert [step.edge for step in holder.path] == ["module shop", "._KEPT"]
    assert holder.after - holder.before == 100 * (28 + 48 + 1000)
    assert (holder.entries_before, holder.entries_after) == (10, 110)
    assert [(each.type, each.after.count - each.before.count) for each in found.types[:3]] == [
        ("bytes", 100),
        ("shop.Order", 100),
        ("int", 100),
    ]


def test_of_a_heap_that_has_not_changed_nothing_is_told() -> None:
    heap = analyse_heap(shop(10))
    found = difference(heap, heap)
    assert (found.types, found.holders) == ((), ())


def test_a_heap_that_shrank_has_no_holder_that_grew() -> None:
    found = difference(analyse_heap(shop(110)), analyse_heap(shop(10)))
    assert found.holders == ()
    assert {change.type for change in found.types} >= {"bytes", "shop.Order"}
