"""The whole heap as a graph, sent by a process of its own and read back from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from heaps import objects_of, take_heap
from leakhunt.model.heap import UNKNOWN, Family, HeapGraph
from unit.agent.probes.inside import each_interpreter, oldest_and_newest, run_inside

SHOP = """
import threading
shop = sys.modules["shop"] = types.ModuleType("shop")
class Order:
    def __init__(self, number):
        self.number, self.note = number + 10**6, "secret %d" % number
class Slotted:
    __slots__ = ("left", "right", "empty")
    def __init__(self):
        self.left, self.right = [1], (b"x" * 1000,)
class Lying:
    def __sizeof__(self):
        raise RuntimeError("mine")
class Book(dict):
    pass
shop.KEPT = {"order %d" % number: Order(number) for number in range(123)}
shop.SLOTTED = Slotted()
shop.LYING = Lying()
shop.BOOK = Book(alpha=[], beta=[])
shop.PICTURES = [bytes(10_000 + number) for number in range(30)]
waiting, done = threading.Event(), threading.Event()
def work():
    basket = [bytearray(5000)]
    waiting.set()
    done.wait()
worker = threading.Thread(target=work, name="worker-7", daemon=True)
worker.start()
waiting.wait()
def suspended():
    kept = [bytearray(777)]
    yield kept
shop.GENERATOR = suspended()
next(shop.GENERATOR)
twin = Order(7)
apart = dict.__sizeof__(vars(twin)) - dict.__basicsize__ if (3, 11) <= sys.version_info < (3, 13) else 0
told = {"order": sys.getsizeof(shop.KEPT["order 5"]) + apart, "pictures": sum(map(sys.getsizeof, shop.PICTURES))}
del twin
"""


def names(graph: HeapGraph, number: int) -> dict[str, int]:
    """What one object refers to by which name."""
    layout = graph.layouts[graph.marks[number]]
    return dict(zip(layout, graph.held(number).tolist(), strict=False))


def attributes(graph: HeapGraph, number: int) -> dict[str, int]:
    """Of an instance, whether they lie in it or in a dictionary."""
    found = names(graph, number)
    for each in graph.held(number).tolist():
        if each >= 0 and not found and graph.family(each) is Family.MAPPING:
            entries = graph.held(each).tolist()
            keys = [graph.texts.get(key) for key in entries[graph.marks[each] :]]
            found = {str(key): value for key, value in zip(keys, entries, strict=False)}
    return found


@each_interpreter
def test_every_object_is_there_once_with_what_it_refers_to(python: Path, tmp_path: Path) -> None:
    graph, told = take_heap(python, SHOP, tmp_path)
    assert len(np.unique(graph.addresses)) == len(graph)
    orders = objects_of(graph, "__main__.Order")
    assert len(orders) == 123
    for number in orders:
        found = attributes(graph, number)
        assert set(found) == {"number", "note"}
        assert (graph.type_name(found["number"]), graph.type_name(found["note"])) == ("int", "str")
    (book,) = objects_of(graph, "__main__.Book")
    values, keys = graph.held(book)[:2], graph.held(book)[2:4]
    assert graph.marks[book] == 2
    assert {graph.type_name(each) for each in values} == {"list"}
    assert {graph.type_name(each) for each in keys} == {"str"}
    (slotted,) = objects_of(graph, "__main__.Slotted")
    assert {name: graph.type_name(each) for name, each in names(graph, slotted).items()} == {
        "left": "list",
        "right": "tuple",
    }
    pictures = [each for each in objects_of(graph, "bytes") if graph.sizes[each] >= 10_000]
    assert graph.sizes[pictures].sum() >= told["pictures"]
    sizes = [graph.sizes[each] for each in orders]
    assert sizes.count(told["order"]) == 123
    assert graph.sizes[objects_of(graph, "__main__.Lying")[0]] in range(16, 100)


@each_interpreter
def test_modules_and_the_frames_of_threads_are_roots_and_frames_have_their_variables(
    python: Path, tmp_path: Path
) -> None:
    graph, _ = take_heap(python, SHOP, tmp_path)
    roots = {(root.kind, root.name): root.object for root in graph.roots}
    assert graph.type_name(roots["module", "shop"]) == "module"
    (frame,) = [each for (kind, name), each in roots.items() if kind == "thread" and name.startswith("worker-*: work")]
    basket = names(graph, frame)["basket"]
    assert [graph.type_name(each) for each in graph.held(basket)] == ["bytearray"]
    generators = [each for each in objects_of(graph, "generator") if "kept" in names(graph, each)]
    assert [graph.type_name(names(graph, each)["kept"]) for each in generators] == ["list"]
    assert any(root.kind == "own" for root in graph.roots)


@each_interpreter
def test_references_that_are_not_from_objects_show_in_the_counts(python: Path, tmp_path: Path) -> None:
    graph, _ = take_heap(
        python,
        """
import ctypes
class Node: pass
alone, cycle = Node(), Node()
cycle.me = cycle
ctypes.pythonapi.Py_IncRef(ctypes.py_object(alone))
alone.name, cycle.name = [1], [2]
del alone, cycle
""",
        tmp_path,
    )
    given = np.bincount(graph.targets[graph.targets >= 0], minlength=len(graph))
    surplus = [int(graph.counts[each] - given[each]) for each in objects_of(graph, "__main__.Node")]
    assert sorted(surplus) == [0, 1]


@oldest_and_newest
def test_contents_of_strings_stay_where_they_are_unless_keys_are_asked_for(python: Path, tmp_path: Path) -> None:
    without, _ = take_heap(python, SHOP, tmp_path)
    sent = (tmp_path / "sent").read_bytes()
    assert b"secret 7" not in sent
    assert b"order 7" not in sent
    assert b"PICTURES" in sent
    with_keys, _ = take_heap(python, SHOP, tmp_path, keys=True)
    sent = (tmp_path / "sent").read_bytes()
    assert b"secret 7" not in sent
    assert b"order 7" in sent
    assert len(with_keys.texts) > len(without.texts)
    (book,) = objects_of(with_keys, "__main__.Book")
    assert [with_keys.texts.get(each) for each in with_keys.held(book)[2:4]] == ["alpha", "beta"]


@oldest_and_newest
def test_what_is_the_agents_is_told_apart_and_has_no_names(python: Path, tmp_path: Path) -> None:
    graph, _ = take_heap(
        python,
        """
class Table(dict):
    __module__ = "_leakhunt_agent.probes.met"
KEPT = Table({number: [number] for number in range(5000)})
""",
        tmp_path,
    )
    (table,) = objects_of(graph, "_leakhunt_agent.probes.met.Table")
    assert (graph.family(table), graph.marks[table]) == (Family.OWN, 0)


@oldest_and_newest
def test_hardly_anything_is_referred_to_that_is_not_there(python: Path, tmp_path: Path) -> None:
    graph, _ = take_heap(python, SHOP, tmp_path)
    unknown = int((graph.targets == UNKNOWN).sum())
    assert unknown < 60  # what the walk itself has made, from its own frames


@oldest_and_newest
def test_it_is_given_up_once_its_memory_is_used_up(python: Path) -> None:
    given_up: Any = run_inside(
        python,
        """
from leakhunt.agent.child import TooLarge
from leakhunt.agent.probes.graph import graph
kept = [[number] for number in range(100_000)]
small = scene()
small.memory = 0
try:
    graph({}, small)
except TooLarge as error:
    print(json.dumps(str(error)))
""",
    )
    assert "too large to be looked at" in given_up
