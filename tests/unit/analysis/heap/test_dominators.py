"""Dominators and retained sizes of random graphs, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.analysis.heap.dominators import DominatorTree, dominator_tree

EDGES = st.lists(st.lists(st.integers(-2, 13), max_size=4), min_size=1, max_size=14)


def reachable(held: list[list[int]], roots: list[int], without: int | None = None) -> set[int]:
    found: set[int] = set()
    waiting = [root for root in roots if root != without]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += [each for each in held[at] if each >= 0 and each != without]
    return found


def tree_of(held: list[list[int]], roots: list[int], sizes: list[int]) -> DominatorTree:
    return dominator_tree(
        np.cumsum([0, *map(len, held)], dtype=np.int64),
        np.array([each for references in held for each in references], dtype=np.int32),
        np.array(roots, dtype=np.int64),
        np.array(sizes, dtype=np.int64),
    )


def above(tree: DominatorTree, number: int) -> list[int]:
    """Objects on the way up from an object, itself left out."""
    found, rank = [], int(tree.parents[tree.ranks[number]])
    while rank:
        found.append(int(tree.order[rank]))
        rank = int(tree.parents[rank])
    return found


@given(EDGES, st.sets(st.integers(0, 13), min_size=1, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_an_object_dominates_what_cannot_be_reached_without_it_and_retains_that(
    edges: list[list[int]], entered: set[int], data: st.DataObject
) -> None:
    number = len(edges)
    held = [[each % number if each >= 0 else each for each in references] for references in edges]
    roots = sorted({root % number for root in entered})
    sizes = data.draw(st.lists(st.integers(0, 10**9), min_size=number, max_size=number))
    tree = tree_of(held, roots, sizes)
    everything = reachable(held, roots)
    assert sorted(tree.order[1:].tolist()) == sorted(everything)
    assert tree.retained[0] == sum(sizes[each] for each in everything)
    lost = {each: everything - reachable(held, roots, without=each) for each in everything}
    for each in everything:
        assert tree.retained[tree.ranks[each]] == sum(sizes[other] for other in lost[each])
        assert set(above(tree, each)) == {other for other in everything if each in lost[other] and other != each}
    assert all(tree.ranks[each] == 0 for each in set(range(number)) - everything)


def test_a_long_list_that_is_linked_is_no_obstacle() -> None:
    number = 60_000
    # Each link refers to the next and to a leaf of its own, all of them to one leaf, and the last to the first.
    held = [[link + 1, number + link, 2 * number] for link in range(number)] + [[] for _ in range(number + 1)]
    held[number - 1] = [0, 2 * number - 1, 2 * number]
    tree = tree_of(held, [0], [1] * (2 * number + 1))
    assert tree.retained[tree.ranks[0]] == 2 * number + 1
    assert tree.retained[tree.ranks[number // 2]] == number
    assert above(tree, 2 * number) == [0]


@pytest.mark.parametrize("roots", [[], [2]])
def test_a_heap_of_which_nothing_refers_to_anything_has_a_flat_tree(roots: list[int]) -> None:
    tree = tree_of([[], [0], []], roots, [1, 2, 4])
    assert tree.order.tolist() == [-1, *roots]
    assert tree.retained[0] == 4 * len(roots)
    assert tree.children(0).tolist() == list(range(1, 1 + len(roots)))
