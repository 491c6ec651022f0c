"""Which objects are reached, by which way, and what is held outside Python."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heaps import built
from leakhunt.analysis.heap.reach import FAR, OURS, OUTSIDE, reach
from leakhunt.model.heap import Family, HeapRoot

EDGES = st.lists(st.lists(st.integers(0, 13), max_size=12), min_size=1, max_size=14)


@given(EDGES, st.sets(st.integers(0, 13), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_every_object_is_reached_on_a_shortest_way(edges: list[list[int]], entered: set[int]) -> None:
    number = len(edges)
    held = {f"o{at}": [f"o{each % number}" for each in references] for at, references in enumerate(edges)}
    roots = sorted({f"o{root % number}" for root in entered})
    objects = {name: ("list", 1, references) for name, references in held.items()}
    graph = built(objects, roots, counts=dict.fromkeys(held, 0))
    found = reach(graph)
    distances = dict.fromkeys(roots, 0)
    level, depth = roots, 0
    while level:
        depth += 1
        level = [each for name in level for each in dict.fromkeys(held[name]) if each not in distances]
        distances |= dict.fromkeys(level, depth)
    assert found.distances.tolist() == [distances.get(name, FAR) for name in held]
    for at, name in enumerate(held):
        if name in distances:
            way = found.way_to(graph, at)
            assert len(way) == distances[name] + 1
            assert way[-1][0] == at
            for (holder, _), (each, position) in pairwise(way):
                assert graph.starts[holder] <= position < graph.starts[holder + 1]
                assert graph.targets[position] == each


def test_many_objects_in_one_list_are_reached_at_once() -> None:
    objects = {"m": ("module", 1, ["l"]), "l": ("list", 1, [f"o{n}" for n in range(2000)])}
    objects |= {f"o{n}": ("shop.Order", 1, ["s"]) for n in range(2000)}
    graph = built({**objects, "s": ("str", 1, [])}, ["m"])
    assert reach(graph).distances.tolist() == [0, 1, *[2] * 2000, 3]


def test_what_has_more_references_than_objects_give_it_is_held_outside_python() -> None:
    graph = built(
        {
            "m": ("module", 1, []),
            "held": ("shop.Node", 1, ["below"]),
            "below": ("list", 1, []),
            "cycle": ("shop.Node", 1, ["cycle", "waits"]),
            "waits": ("list", 1, []),
        },
        ["m"],
        counts={"held": 1},
    )
    found = reach(graph)
    assert found.roots == {0: "module m", 1: OUTSIDE}
    assert found.distances.tolist() == [0, 0, 1, FAR, FAR]


def test_a_class_is_reached_through_its_instances_only_if_nothing_else_leads_to_it() -> None:
    graph = built(
        {
            "m": ("module", 1, ["known", "order", "odd"]),
            "known": ("type", 1, []),
            "order": ("shop.Order", 1, ["known"]),
            "odd": ("shop.Odd", 1, ["anew"]),
            "anew": ("type", 1, ["part"]),
            "part": ("list", 1, []),
        },
        ["m"],
    )
    targets = graph.targets.copy()
    targets[3], targets[4] = -2 - 1, -2 - 4  # the references of instances to their classes
    found = reach(replace(graph, targets=targets))
    assert found.distances.tolist() == [0, 1, 1, 1, 2, 3]
    assert found.targets[graph.starts[3]] == 4
    assert found.targets[graph.starts[2]] < 0


def test_what_only_the_agent_leads_to_is_no_part_of_the_heap() -> None:
    graph = built(
        {
            "m": ("module", 1, ["list"]),
            "list": ("list", 1, ["luggage", "mine"]),
            "luggage": ("agent.Luggage", 1, ["theirs"]),
            "theirs": ("list", 1, []),
            "mine": ("list", 1, []),
            "frame": ("frame", 1, ["table", "mine"]),
            "table": ("list", 1, []),
        },
        ["m"],
        counts={"luggage": 9, "frame": 1},
    )
    types = tuple(replace(each, family=Family.OWN) if each.name == "agent.Luggage" else each for each in graph.types)
    graph = replace(graph, types=types, roots=(*graph.roots, HeapRoot("own", "MainThread: walk", 5)))
    found = reach(graph)
    assert found.distances.tolist() == [0, 1, OURS, FAR, 2, OURS, OURS]
    assert np.array_equal(found.targets[graph.starts[1] : graph.starts[2]], [-1, 4])


def test_greenlets_that_nothing_holds_are_roots() -> None:
    graph = built({"m": ("module", 1, []), "g": ("greenlet.greenlet", 1, ["l"]), "l": ("list", 1, [])}, ["m"])
    types = tuple(replace(each, family=Family.GREENLET) if "greenlet" in each.name else each for each in graph.types)
    assert reach(replace(graph, types=types)).roots == {0: "module m", 1: "greenlet"}
