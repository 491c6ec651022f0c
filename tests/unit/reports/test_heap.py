"""What is told of a heap, as text."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.analysis.heap.analysed import analyse_heap, summary, type_rows
from leakhunt.analysis.heap.differing import difference
from leakhunt.analysis.heap.holding import find, object_at, type_paths
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.model.heap_view import Step
from leakhunt.reports import heap as pages
from unit.analysis.heap.shops import shop

HEAP = analyse_heap(shop(100))
ADDRESS = 0x7F0000000000
HEAD = """\
gunicorn shop:app (PID 4711), Python 3.11.7, 2026-01-02T03:04:05+00:00
308 objects, 106 KiB; RSS 50.0 MiB
"""


def test_the_types_are_a_table_below_the_size_of_the_heap() -> None:
    assert pages.top(summary(HEAP), type_rows(HEAP), 3) == (
        HEAD
        + """
type        count   shallow  retained  of the heap
dict            2     700 B   106 KiB        99.7%
shop.Order    100  4.69 KiB   102 KiB        96.4%
bytes         100  97.7 KiB  97.7 KiB        91.9%
and 4 types more
"""
    )


def test_suspects_come_before_the_tree_and_name_where_memory_comes_together() -> None:
    assert pages.dominators(dominators(HEAP)) == (
        HEAD
        + f"""
1. module shop.__dict__ retains 106 KiB, 100% of the heap
   accumulation point: module shop -> ._KEPT (dict), 106 KiB retained, 100 entries, @ {ADDRESS + 6 * 64:#x}
   which holds 100 x shop.Order (102 KiB), 100 x int (2.73 KiB), 1 x str (60 B)

retained   of the heap  dominator tree
  106 KiB        99.7%  module shop.__dict__ @ {ADDRESS + 64:#x}
  106 KiB        99.4%  `- ._KEPT dict @ {ADDRESS + 6 * 64:#x}  <- accumulation point
  102 KiB        96.4%     `- 100 x shop.Order
    150 B         0.1%  .<held> function shop.view @ {ADDRESS + 4 * 64:#x}
     80 B         0.1%  module shop @ {ADDRESS:#x}
     80 B         0.1%  module other @ {ADDRESS + 5 * 64:#x}
"""
    )


def test_paths_and_objects_are_written_as_in_python() -> None:
    found = type_paths(HEAP, "bytes")
    assert found is not None
    assert pages.paths(found, 5) == (
        "100 objects of bytes: shallow 97.7 KiB, retained 97.7 KiB\n\n"
        "100 (100%) by way of\n"
        "  module shop -> ._KEPT (dict) -> [*] (shop.Order) -> .note (bytes)\n"
    )
    held = object_at(HEAP, ADDRESS + 6 * 64)
    assert held is not None
    assert pages.held_object(held) == (
        f"dict @ {ADDRESS + 6 * 64:#x}: shallow 500 B, retained 106 KiB, 100 entries\n\nmodule shop -> ._KEPT (dict)\n"
    )
    sited = replace(held, site="views.py:42 upload")
    assert "\nallocated at views.py:42 upload\n" in pages.held_object(sited)
    lost = replace(held, path=())
    assert "It cannot be reached" in pages.held_object(lost)
    number, objects = find(HEAP, "bytes", 1, 2)
    assert pages.found_objects(number, objects).startswith("100 objects, the largest 2 of them\n\naddress ")


def test_a_difference_names_the_holder_first_and_then_the_types() -> None:
    text = pages.difference(difference(analyse_heap(shop(10)), HEAP), 2)
    assert "objects 38 -> 308 (+270), 11.7 KiB -> 106 KiB (+94.6 KiB)" in text
    assert "+94.6 KiB retained by module shop -> ._KEPT (dict)\n  11.1 KiB -> 106 KiB, 10 -> 100 entries" in text
    assert "bytes         100   +90  97.7 KiB  +87.9 KiB  97.7 KiB  +87.9 KiB" in text
    same = pages.difference(difference(HEAP, HEAP), 5)
    assert "No holder has grown" in same
    assert "No type has changed." in same


def test_names_of_the_target_cannot_act_on_a_terminal_and_long_paths_are_cut() -> None:
    path = (Step("module a\x1b[31m", "module"), *(Step(f"['k{n}\u202e']", "dict") for n in range(40)))
    text = pages.path_text(path)
    assert text.isprintable()
    assert "... 29 more ..." in text
    assert "k39" in text
