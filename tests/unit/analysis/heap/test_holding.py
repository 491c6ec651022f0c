"""Paths of all objects of a type, and objects that are looked for."""

from __future__ import annotations

import pytest

from leakhunt.analysis.heap import holding
from leakhunt.analysis.heap.analysed import analyse_heap
from leakhunt.analysis.heap.holding import find, object_at, type_paths
from unit.analysis.heap.shops import shop


def test_the_paths_of_all_objects_of_a_type_are_one_with_entries_not_told_apart() -> None:
    heap = analyse_heap(shop(100, spread=3))
    found = type_paths(heap, "bytes")
    assert found is not None
    assert (found.count, found.looked_at, found.retained) == (103, 103, 103_000)
    assert [(each.count, each.shallow) for each in found.paths] == [(100, 100_000), (1, 1000), (1, 1000), (1, 1000)]
    assert [step.edge for step in found.paths[0].path] == ["module shop", "._KEPT", "[*]", ".note"]
    short, none = type_paths(heap, "Order"), type_paths(heap, "Nothing")
    assert short is not None
    assert (short.type, none) == ("shop.Order", None)


def test_of_very_many_objects_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MOST", 30)
    found = type_paths(analyse_heap(shop(100)), "bytes")
    assert found is not None
    assert (found.count, found.looked_at) == (100, 25)


def test_an_object_is_found_by_its_address_and_by_its_size() -> None:
    heap = analyse_heap(shop(10, note=5000))
    number, found = find(heap, "bytes", 5000, 3)
    assert (number, len(found), {each.name for each in found}) == (10, 3, {"bytes"})
    assert object_at(heap, found[1].address) == found[1]
    assert object_at(heap, 1) is None
    number, found = find(heap, None, 50_000, 50)
    assert number == len(found) == 2
    assert [each.path[-1].edge for each in found] == [".__dict__", "._KEPT"]
