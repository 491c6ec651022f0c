from __future__ import annotations

import math
from typing import Any

import pytest

from leakhunt.agent.process import hello
from leakhunt.errors import AgentError
from leakhunt.model.measurement import HeapUsage
from leakhunt.model.snapshot import Container, Frame, PathNode, SiteStat, TypeStat
from leakhunt.targets.answers import (
    read_container,
    read_heap,
    read_hello,
    read_inventory,
    read_paths,
    read_sites,
    read_stats,
    read_types,
)

STATS: dict[str, Any] = {
    "in_flight": 1,
    "served": {"GET /größe": 3},
    "routes": {"GET /{n}": "GET /<int:pk>"},
    "hooked": True,
    "gc_enabled": False,
    "cpu": 0.25,
    "memory": 900_000,
    "temp_dir": "/tmp",
    "problems": ["begin: LookupError: x"],
}
HOLDER: dict[str, Any] = {
    "path": "views._SEEN",
    "type": "dict",
    "length": 40,
    "deep_size": 9_000,
    "cap": 500,
    "cap_source": "maxsize",
    "chain": ["views", "._SEEN"],
    "problems": ["too large"],
}


def test_a_hello_identifies_one_life_of_a_process() -> None:
    found = read_hello({**hello(), "pid": 7, "started": 1234, "argv": ["gunicorn", "-w", "3"]})
    assert (found.key, found.argv) == ("7@1234", ("gunicorn", "-w", "3"))


def test_a_process_that_knows_no_server_says_so() -> None:
    assert read_hello({**hello(), "server": None}).server is None


@pytest.mark.parametrize("missing", sorted(hello().keys() - {"hello"}))
def test_a_hello_that_leaves_something_out_is_none(missing: str) -> None:
    said = {name: value for name, value in hello().items() if name != missing}
    with pytest.raises(AgentError, match=f"makes no sense: KeyError\\('{missing}'\\)"):
        read_hello(said)


@pytest.mark.parametrize(
    "said",
    [
        {"pid": "x"},
        {"pid": None},
        {"pid": math.inf},
        {"started": [1]},
        {"parent": math.nan},
        {"argv": 7},
        {"argv": None},
    ],
)
def test_a_hello_of_other_types_is_none(said: dict[str, Any]) -> None:
    with pytest.raises(AgentError, match="makes no sense"):
        read_hello({**hello(), **said})


def test_what_an_agent_has_counted_is_read() -> None:
    found = read_stats(STATS)
    assert (found.served, found.routes) == ({"GET /größe": 3}, {"GET /{n}": "GET /<int:pk>"})
    assert (found.in_flight, found.hooked, found.gc_enabled) == (1, True, False)
    assert (found.cpu, found.memory, found.temp_dir, found.problems) == (
        0.25,
        900_000,
        "/tmp",
        ("begin: LookupError: x",),
    )


def test_a_figure_that_the_target_could_not_read_is_none_and_zero_is_zero() -> None:
    told = {"blocks": 5, "pymalloc": None, "malloc": 0, "objects": None}
    assert read_heap(told, gc_enabled=False) == HeapUsage(5, None, 0, None, gc_enabled=False)


def test_types_are_read_in_the_order_they_were_sent() -> None:
    assert read_types([["PIL.Image.Image", 3], ["dict", 9]]) == (TypeStat("PIL.Image.Image", 3), TypeStat("dict", 9))
    assert read_types([]) == ()
    assert read_inventory([["dict", 9, 576]]) == (TypeStat("dict", 9, 576),)


def test_stacks_are_put_together_from_their_frames() -> None:
    part = {"frames": [["a.py", 1, "f"], ["b.py", 2, "g"]], "sites": [[[1, 0], 900, 3], [[0], 5, 1], [[], 7, 1]]}
    a, b = Frame("a.py", 1, "f"), Frame("b.py", 2, "g")
    assert read_sites(part) == (SiteStat((b, a), 900, 3), SiteStat((a,), 5, 1), SiteStat((), 7, 1))


def test_the_tree_of_paths_is_put_together_from_its_columns() -> None:
    part = {
        "parents": [-1, 0],
        "edges": [0, 1],
        "types": [2, 3],
        "counts": [1, 40],
        "sizes": [0, 9_000],
        "lengths": [0, 70],
        "names": ["", "views", "root", "module"],
    }
    assert read_paths(part) == (PathNode(-1, "", "root", 1, 0), PathNode(0, "views", "module", 40, 9_000, 70))


def test_columns_of_different_lengths_are_no_tree() -> None:
    part = {"parents": [-1, 0], "edges": [0], "types": [0], "counts": [1], "sizes": [0], "lengths": [0], "names": [""]}
    with pytest.raises(ValueError, match="shorter"):
        read_paths(part)


def test_a_holder_is_read_with_worker_and_round() -> None:
    assert read_container(HOLDER, "1@1", 9) == Container(
        "1@1", 9, "views._SEEN", "dict", 40, 9_000, 500, "maxsize", ("views", "._SEEN"), ("too large",)
    )


def test_what_was_not_found_out_about_a_holder_is_none() -> None:
    bare = {**HOLDER, "length": None, "deep_size": None, "cap": None, "cap_source": None, "chain": [], "problems": []}
    assert read_container(bare, "1@1", 9) == Container("1@1", 9, "views._SEEN", "dict")


def test_a_cap_of_zero_is_a_cap() -> None:
    assert read_container({**HOLDER, "cap": 0}, "1@1", 9).cap == 0
