"""Leak suspects and accumulation points, in heaps of which they are known."""

from __future__ import annotations

from typing import Any

from heaps import built
from leakhunt.analysis.heap.analysed import analyse_heap
from leakhunt.analysis.heap.suspects import dominators, shared_path
from leakhunt.model.heap_view import DominatorNode, Step
from unit.analysis.heap.shops import shop


def test_the_dictionary_in_which_memory_comes_together_is_the_accumulation_point() -> None:
    found = dominators(analyse_heap(shop(100)))
    (suspect,) = found.suspects
    assert suspect.point is not None
    assert suspect.point.retained == 500 + 100 * (28 + 48 + 1000) + 60
    assert [step.edge for step in suspect.path] == ["module shop", "._KEPT"]
    assert suspect.share > 0.95
    assert suspect.point.entries == 100
    assert (suspect.holds[0].type, suspect.holds[0].count, suspect.holds[0].retained) == ("shop.Order", 100, 104_800)
    (marked,) = [node for node in flat(found.tree) if node.accumulation]
    assert (marked.retained, marked.children[0].count) == (suspect.point.retained, 100)


def flat(nodes: tuple[DominatorNode, ...]) -> list[DominatorNode]:
    return [each for node in nodes for each in (node, *flat(node.children))]


def test_objects_of_a_type_that_nothing_holds_in_common_are_a_suspect_together() -> None:
    objects: dict[str, Any] = {name: ("module", 10, [f"image{n}" for n in range(50)]) for name in "mn"}
    objects |= {f"image{n}": ("shop.Image", 48, [f"pixels{n}"]) for n in range(50)}
    objects |= {f"pixels{n}": ("bytes", 1000, []) for n in range(50)}
    (suspect,) = dominators(analyse_heap(built(objects, ["m", "n"]))).suspects
    assert (suspect.name, suspect.count, suspect.retained) == ("shop.Image", 50, 50 * 1048)
    assert suspect.point is None
    assert [step.edge for step in suspect.path] == ["module m", ".<held>"]
    assert [(row.type, row.count) for row in suspect.holds] == [("bytes", 50)]


def test_what_is_spread_over_modules_is_no_suspect_as_no_module_is_large() -> None:
    assert dominators(analyse_heap(shop(0, spread=30))).suspects == ()


def test_what_every_program_has_is_no_suspect_together() -> None:
    objects: dict[str, Any] = {name: ("module", 10, [f"f{n}" for n in range(50)]) for name in "mn"}
    objects |= {f"f{n}": ("function", 500, []) for n in range(50)}
    assert dominators(analyse_heap(built(objects, ["m", "n"]))).suspects == ()


def test_a_path_is_shared_as_far_as_most_go_it() -> None:
    ways = [(Step("module m", "module"), Step("._KEPT", "dict"), Step("[*]", f"type {n % 3}")) for n in range(9)]
    more: list[tuple[Step, ...]] = [*ways, (Step("module n", "module"),)]
    assert shared_path(more) == (Step("module m", "module", 9), Step("._KEPT", "dict", 9))
    assert shared_path([(Step("a", "x"),), (Step("b", "x"),)]) == ()
