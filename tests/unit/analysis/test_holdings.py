"""Who holds what was there before leakhunt came: the place from which most leads on to many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from builders import App, record
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.holdings import already_there, largest_holders
from leakhunt.model.measurement import HeapUsage, MemoryUsage, Sample
from leakhunt.model.run import NATURAL, Phase, Round, Run
from leakhunt.model.snapshot import Age, PathNode, Snapshot

MB: Final = 10**6


class Heap:
    """A tree of paths, written down place by place."""

    def __init__(self, worker: str = "1@1", round_: int = 0) -> None:
        self.worker, self.round = worker, round_
        self.nodes = [PathNode(-1, "", "", 0, 0)]

    def add(self, parent: int, edge: str, kind: str, count: int = 1, size: int = 100, length: int = 0) -> int:
        self.nodes.append(PathNode(parent, edge, kind, count, size, length))
        return len(self.nodes) - 1

    def library(self, size: int, parts: int = 400) -> None:
        """A module of many small things."""
        root = self.add(0, "numpy", "module")
        for number in range(parts):
            self.add(root, f".function_{number}", "function", 1, size // parts)

    def store(self, name: str, entries: int, size: int, kind: str = "bytes", holder: str = "dict") -> None:
        """A module with one container of many."""
        place = self.add(self.add(0, "shop", "module"), f".{name}", holder, 1, 200, entries)
        self.add(place, "['*']" if holder == "dict" else "[*]", kind, entries, size)

    def snapshot(self, *ages: Age) -> Snapshot:
        return Snapshot(self.worker, self.round, paths=tuple(self.nodes), ages=ages)


def named(heap: Heap) -> list[tuple[str, str, int]]:
    """Holder, what most of it is, and megabytes below it."""
    holders = largest_holders(heap.snapshot())
    return [(each.path, each.heaviest_path, round(each.size / MB)) for each in holders]


def test_the_holder_is_the_container_and_not_the_module_around_it_nor_the_entries() -> None:
    heap = Heap()
    heap.library(20 * MB)
    heap.store("CACHE", 5_000, 500 * MB)
    (cache, numpy) = named(heap)
    assert cache == ("shop.CACHE", "shop.CACHE['*']", 500)
    assert (numpy[0], numpy[2]) == ("numpy", 20)  # many small things, none of which is worth a name


def test_holders_in_one_module_are_told_apart_each_without_the_other() -> None:
    heap = Heap()
    shop = heap.add(0, "shop", "module")
    for name, size in (("CACHE", 300 * MB), ("LOG", 200 * MB), ("SMALL", 1 * MB)):
        place = heap.add(shop, f".{name}", "list", 1, 200, 1_000)
        heap.add(place, "[*]", "bytes", 1_000, size)
    assert named(heap) == [("shop.CACHE", "shop.CACHE[*]", 300), ("shop.LOG", "shop.LOG[*]", 200)]


def test_entries_of_several_parts_belong_to_what_holds_the_entries() -> None:
    heap = Heap()
    sessions = heap.add(heap.add(0, "shop", "module"), ".SESSIONS", "dict", 1, 200, 5_000)
    session = heap.add(sessions, "['*']", "shop.Session", 5_000, 1 * MB)
    heap.add(session, ".picture", "bytes", 5_000, 250 * MB)
    chunks = heap.add(session, ".chunks", "list", 5_000, 1 * MB, 20_000)
    heap.add(chunks, "[*]", "bytes", 20_000, 249 * MB)
    assert named(heap) == [("shop.SESSIONS", "shop.SESSIONS['*'].picture", 501)]


def test_a_few_stores_of_many_entries_are_the_holders_and_not_what_lists_the_stores() -> None:
    heap = Heap()
    stores = heap.add(heap.add(0, "shop", "module"), ".STORES", "list", 1, 100, 3)
    caches = heap.add(heap.add(stores, "[*]", "shop.Store", 3), ".cache", "dict", 3, 300, 9_000)
    heap.add(caches, "['*']", "bytes", 9_000, 90 * MB)
    assert named(heap) == [("shop.STORES[*].cache", "shop.STORES[*].cache['*']", 90)]


def test_one_large_object_holds_itself() -> None:
    heap = Heap()
    heap.add(heap.add(0, "shop", "module"), ".BUFFER", "bytearray", 1, 500 * MB)
    assert named(heap) == [("shop.BUFFER", "shop.BUFFER", 500)]


def test_what_c_alone_holds_is_named_as_a_whole() -> None:
    heap = Heap()
    root = heap.add(0, "<held outside Python>", "object", 0, 0)
    heap.add(root, ".<object>", "shop.Node", 4_000, 40 * MB)
    assert named(heap) == [("<held outside Python>", "<held outside Python>.<object>", 40)]


def test_a_store_within_a_store_is_taken_off_the_outer_one() -> None:
    heap = Heap()
    outer = heap.add(heap.add(0, "shop", "module"), ".APP", "dict", 1, 20 * MB, 3)
    inner = heap.add(outer, "['*']", "list", 1, 100, 1_000)
    heap.add(inner, "[*]", "bytes", 1_000, 80 * MB)
    assert named(heap) == [("shop.APP['*']", "shop.APP['*'][*]", 80), ("shop.APP", "shop.APP", 20)]


def test_an_empty_heap_has_no_holder() -> None:
    assert largest_holders(Snapshot("1@1", 0)) == ()
    assert named(Heap()) == []


def attached(snapshots: Sequence[Snapshot], live: Sequence[int | None]) -> Run:
    """A run that began with a look at workers of so many live bytes; `snapshots` of round 9 came later."""
    run = record(App(), blocks=1, seed=1)
    samples = tuple(
        Sample(f"{n}@1", 0.0, MemoryUsage(10**9), None if each is None else HeapUsage(1, each // 2, each // 2, 1))
        for n, each in enumerate(live, 1)
    )
    return replace(run, rounds=(Round(0, Phase.ARRIVAL, 0.0, 0.1, samples=samples),), snapshots=tuple(snapshots))


def worker(number: int, round_: int, size: int, *ages: Age) -> Snapshot:
    heap = Heap(f"{number}@1", round_)
    heap.store("CACHE", 5_000, size)
    return heap.snapshot(*ages)


def test_the_same_holder_in_several_workers_is_one_row() -> None:
    (found,) = already_there(attached([worker(1, 0, 500 * MB), worker(2, 0, 300 * MB)], [600 * MB, 400 * MB]))
    assert (found.path, found.type, found.workers, found.entries) == ("shop.CACHE", "dict", 2, 10_000)
    assert found.size == pytest.approx(800 * MB, rel=0.001)
    assert found.share == pytest.approx(0.8, rel=0.001)
    assert (found.heaviest_path, found.heaviest_type, found.heaviest_count) == ("shop.CACHE['*']", "bytes", 10_000)
    assert (found.dated, found.newer, found.growth) == (None, None, None)


def test_the_last_snapshot_tells_what_has_come_since() -> None:
    snapshots = [worker(1, 0, 500 * MB), worker(2, 0, 500 * MB), worker(1, 5, 505 * MB), worker(1, 9, 512 * MB)]
    (found,) = already_there(attached(snapshots, [600 * MB, 600 * MB]))
    assert found.growth == 12 * MB  # the other worker was not looked at again


def test_what_came_to_an_inner_holder_did_not_come_to_the_outer_one() -> None:
    def heap(round_: int, inner_size: int) -> Snapshot:
        made = Heap("1@1", round_)
        outer = made.add(made.add(0, "shop", "module"), ".APP", "dict", 1, 20 * MB, 3)
        inner = made.add(outer, "['*']", "list", 1, 100, 1_000)
        made.add(inner, "[*]", "bytes", 1_000, inner_size)
        return made.snapshot()

    inner, outer = already_there(attached([heap(0, 80 * MB), heap(9, 95 * MB)], [100 * MB]))
    assert (inner.path, inner.growth, outer.path, outer.growth) == ("shop.APP['*']", 15 * MB, "shop.APP", 0)


def test_what_is_gone_has_shrunk() -> None:
    later = Heap("1@1", 9)
    later.library(1 * MB)
    (found,) = already_there(attached([worker(1, 0, 500 * MB), later.snapshot()], [600 * MB]))
    assert found.growth == -found.size


def test_ages_of_all_workers_are_added_up() -> None:
    ages = (Age("shop.CACHE", 5_000, 4_000), Age("shop.OTHER", 10, 10))
    (found,) = already_there(attached([worker(1, 0, 500 * MB, *ages), worker(2, 0, 500 * MB, *ages)], [None, 10]))
    assert (found.dated, found.newer) == (10_000, 8_000)
    assert found.share is None  # the live bytes of one worker are not known


def test_nobody_looked_where_the_app_was_launched() -> None:
    assert already_there(record(App(), blocks=1, seed=1)) == ()


def test_under_natural_traffic_the_first_look_is_what_was_there() -> None:
    snapshots = [worker(1, 0, 500 * MB), worker(1, 9, 512 * MB)]
    run = attached(snapshots, [600 * MB])
    later = Round(9, Phase.NATURAL, 5.0, 5.1)
    first = replace(run.rounds[0], phase=Phase.BASELINE)
    natural = replace(run, plan=replace(run.plan, workload=NATURAL), rounds=(first, later))
    (found,) = analyse(natural).already_there
    assert (found.path, found.growth) == ("shop.CACHE", 12 * MB)
    assert found.share == pytest.approx(500 / 600, rel=0.001)
