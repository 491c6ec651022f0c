"""The heap as a whole, and its types."""

from __future__ import annotations

import random

from heaps import built
from leakhunt.analysis.heap.analysed import analyse_heap, summary, type_rows
from unit.analysis.heap.shops import shop


def test_what_objects_of_a_type_retain_together_counts_once() -> None:
    rows = {row.type: row for row in type_rows(analyse_heap(shop(10)))}
    assert (rows["shop.Order"].count, rows["shop.Order"].shallow) == (10, 480)
    assert rows["shop.Order"].retained == 10 * (48 + 1000)
    # The names of the module hold the other dictionary, but not the function, which another module has as well.
    assert rows["dict"].retained == 200 + 50 + 50 + 500 + 10 * (28 + 48 + 1000) + 60
    assert rows["bytes"].retained == rows["bytes"].shallow == 10_000


def test_it_is_so_for_trees_of_any_shape() -> None:
    generator = random.Random(4)
    for _ in range(60):
        number = generator.randint(2, 30)
        parents = [0, *(generator.randrange(at) for at in range(1, number))]
        kinds = [generator.choice(["a.A", "b.B", "str"]) for _ in range(number)]
        sizes = [generator.randint(1, 50) for _ in range(number)]
        held = [[f"o{each}" for each in range(1, number) if parents[each] == at] for at in range(number)]
        graph = built({f"o{at}": (kinds[at], sizes[at], held[at]) for at in range(number)}, ["o0"])
        expected = dict.fromkeys(kinds, 0)
        for at in range(number):
            above, found = at, {kinds[at]}
            while above:
                above = parents[above]
                found.add(kinds[above])
            for kind in found:
                expected[kind] += sizes[at]
        assert {row.type: row.retained for row in type_rows(analyse_heap(graph))} == expected


def test_the_summary_tells_what_can_be_reached_and_what_cannot() -> None:
    graph = built(
        {"m": ("module", 5, ["l"]), "l": ("list", 7, []), "c": ("list", 11, ["c"]), "x": ("list", 13, [])},
        ["m"],
        counts={"x": 1},
    )
    found = summary(analyse_heap(graph))
    assert (found.objects, found.size, found.roots, found.outside) == (3, 25, 2, 1)
    assert (found.unreachable, found.unreachable_size) == (1, 11)


def test_a_path_is_written_as_in_python_and_dictionaries_of_attributes_are_no_step() -> None:
    heap = analyse_heap(shop(3))
    numbers = {heap.graph.type_name(at): at for at in range(len(heap.graph))}
    assert [step.edge for step in heap.path(numbers["bytes"])] == ["module shop", "._KEPT", "[*]", ".note"]
    assert [step.object for step in heap.path(numbers["bytes"])][1:3] == ["dict", "shop.Order"]
    assert heap.held(numbers["function"]).path[-1].object == "function shop.view"
