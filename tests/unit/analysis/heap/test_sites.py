"""Lines and holders, proven to be of the same memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.heap.analysed import HeapAnalysis, analyse_heap
from leakhunt.analysis.heap.dominators import DominatorTree
from leakhunt.analysis.heap.sites import below, called, sites_of
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.model.snapshot import Frame
from leakhunt.reports import heap as pages
from unit.analysis.heap.shops import shop

UPLOAD = (
    Frame("/usr/lib/python3.11/json/decoder.py", 353, "raw_decode"),
    Frame("/srv/shop/views.py", 42, "upload"),
    Frame("/srv/shop/wsgi.py", 9, "app"),
)
OTHER = (Frame("/srv/shop/views.py", 77, "other"),)


def sampled() -> HeapAnalysis:
    """Nine notes of orders by one line, one order by another, and a picture elsewhere by that as well."""
    graph = shop(20, spread=1)
    notes = [at for at in range(len(graph)) if graph.type_name(at) == "bytes"]
    orders = [at for at in range(len(graph)) if graph.type_name(at) == "shop.Order"]
    found = dict.fromkeys(notes[:9], (0, 1000)) | {orders[0]: (1, 1000), notes[-1]: (1, 5000)}
    return analyse_heap(replace(graph, sites=(UPLOAD, OTHER), sampled=found))


def test_of_what_a_suspect_retains_each_line_has_its_share() -> None:
    found = dominators(sampled())
    (suspect,) = found.suspects
    assert suspect.sampled == 10_000
    assert suspect.sites == (("shop/views.py:42 in upload", 0.9), ("shop/views.py:77 in other", 0.1))
    said = "about 9.77 KiB of it came while allocations were sampled: 90% at shop/views.py:42 in upload, 10% at"
    assert said in pages.dominators(found)


def test_an_object_that_was_sampled_says_where_it_was_allocated() -> None:
    heap = sampled()
    number = next(iter(heap.graph.sampled))
    assert heap.held(number).site == "shop/views.py:42 in upload"
    assert heap.held(0).site is None


def test_without_samples_nothing_is_said() -> None:
    heap = analyse_heap(shop(20))
    assert sites_of(heap.graph, heap.tree, 1) == (0, ())
    assert "sampled" not in pages.dominators(dominators(heap))


@pytest.mark.parametrize(
    ("stack", "name"),
    [(UPLOAD[:1], "json/decoder.py:353 in raw_decode"), ((), "outside Python"), (OTHER, "shop/views.py:77 in other")],
)
def test_a_site_is_called_by_the_line_of_the_application(stack: tuple[Frame, ...], name: str) -> None:
    assert called(stack) == name


def test_below_is_what_the_tree_says() -> None:
    tree = sampled().tree
    for rank in range(1, len(tree.order)):
        for above in range(len(tree.order)):
            assert below(tree, rank, above) == (above in up(tree, rank))


def up(tree: DominatorTree, rank: int) -> set[int]:
    found = {rank}
    while rank:
        rank = int(tree.parents[rank])
        found.add(rank)
    return found
