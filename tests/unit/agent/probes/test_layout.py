from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conftest import PRELOADS, preload
from unit.agent.probes.inside import each_interpreter, run_inside, with_mimalloc

PROGRAM = """
import ctypes
from leakhunt.agent.probes.layout import layout
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
class Tree:
    __slots__ = ("left", "right")
def use(kind, column):
    scene_ = scene()
    return sum(extent[column] for extent in layout([], scene_)["extents"] if extent[2] == kind)
def kept(): {body}
before = [use("pool", 3), use("malloc", 3), use("malloc", 4)]
things = kept()
after = [use("pool", 3), use("malloc", 3), use("malloc", 4)]
seen = layout([], scene())
print(json.dumps([[new - old for new, old in zip(after, before)], seen, problems]))
"""


def grow(python: Path, body: str, env: dict[str, str] | None = None) -> tuple[list[int], dict[str, Any]]:
    """Growth of pools, of Python's blocks from malloc and of others', and the layout after that."""
    growth, seen, problems = run_inside(python, PROGRAM.format(body=body), env=env)
    assert problems == []
    return growth, seen


@each_interpreter
def test_small_objects_lie_in_pools_and_large_ones_in_malloc(python: Path) -> None:
    (pools, large, others), seen = grow(python, "return [bytes(100) for _ in range(20_000)], bytes(3_000_000)")
    assert 2_600_000 < pools < 3_100_000
    assert 3_100_000 < large < 3_300_000
    assert abs(others) < 100_000
    assert seen["pymalloc"] is True
    assert seen["allocator"] == "glibc"


@each_interpreter
def test_what_c_code_holds_is_told_from_objects_of_the_same_size(python: Path) -> None:
    body = "return [libc.malloc(2000) for _ in range(2000)], [bytes(2000) for _ in range(1000)]"
    (_, large, others), _ = grow(python, body)
    assert 2_000_000 < large < 2_300_000
    assert 4_000_000 < others < 4_300_000


def test_objects_that_only_untracked_ones_refer_to_are_found() -> None:
    (_, large, others), _ = grow(Path(sys.executable), "return ((((bytes(400_000) * 5,),),),)")
    assert 2_000_000 < large < 2_200_000
    assert abs(others) < 100_000


def test_no_method_and_no_class_of_the_target_is_asked() -> None:
    body = """
    class Proxy:
        def __class__(self): raise SystemExit(1)
        __class__ = property(__class__)
        def __sizeof__(self): raise SystemExit(2)
        def __hash__(self): raise SystemExit(3)
        def __eq__(self, other): raise SystemExit(4)
    class Long(bytes):
        def __len__(self): raise SystemExit(5)
        def __sizeof__(self): raise SystemExit(6)
    return [Proxy() for _ in range(9)], Long(b"x" * 1_000_000)
"""
    (_, large, _), _ = grow(Path(sys.executable), body)
    assert 1_000_000 < large < 1_100_000


def test_without_pymalloc_small_objects_are_blocks_of_malloc() -> None:
    body = "return [bytes(100) for _ in range(20_000)]"
    (pools, large, others), seen = grow(Path(sys.executable), body, {"PYTHONMALLOC": "malloc"})
    assert pools == 0
    assert 2_900_000 < large < 3_300_000
    assert abs(others) < 100_000
    assert seen["pymalloc"] is False


@with_mimalloc
def test_objects_of_an_allocator_whose_blocks_are_not_found_are_weighed(python: Path) -> None:
    body = "return [bytes(100) for _ in range(20_000)]"
    before, after = (grow(python, body, {"PYTHONMALLOC": "mimalloc"})[1]["owned"] for body in ("return []", body))
    assert after - before == pytest.approx(20_000 * (133 + 8), rel=0.05)


@pytest.mark.parametrize("allocator", PRELOADS)
def test_so_are_large_objects_where_malloc_is_another(allocator: str) -> None:
    body = "return [bytes(100) for _ in range(20_000)], [bytes(2000) for _ in range(1000)]"
    before, after = (grow(Path(sys.executable), body, preload(allocator))[1] for body in ("return []", body))
    assert after["allocator"] == allocator
    assert after["pymalloc"] is True
    assert after["owned"] - before["owned"] == pytest.approx(1000 * 2041 + 21_000 * 8, rel=0.05)


def test_extents_do_not_overlap() -> None:
    _, seen = grow(Path(sys.executable), "return [bytes(n) for n in range(2000)]")
    extents = sorted(seen["extents"])
    assert all(one[1] <= following[0] for one, following in pairwise(extents))
    assert all(extent[3] + extent[4] <= extent[1] - extent[0] for extent in extents)
