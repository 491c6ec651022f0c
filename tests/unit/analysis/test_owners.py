"""Containers that may hold what another path already leads to."""

from __future__ import annotations

from itertools import pairwise

from leakhunt.analysis.explain import AloneRounds
from leakhunt.analysis.paths import growing_paths
from leakhunt.model.snapshot import PathNode, Snapshot

DOSES = (5, 7, 11)
NAMES = {"orders": ("._BY_NUMBER", "dict"), "index": ("._BY_CUSTOMER", "dict"), "cache": ("._PAGES", "dict")}


def snapshot(number: int, requests: int, entries: dict[str, int]) -> Snapshot:
    """Orders met below `_BY_NUMBER`; the other dicts have entries of which all were met elsewhere."""
    nodes = [PathNode(-1, "", "root", 1, 0), PathNode(0, "shop", "module", 1, 100)]
    nodes += [PathNode(1, *NAMES[name], 1, 200, entries[name]) for name in NAMES]
    nodes += [PathNode(2, "[*]", "shop.Order", 50 + requests, 300 * (50 + requests), 0)]
    nodes += [PathNode(5, ".lines", "list", 50 + requests, 90 * (50 + requests), 8 * (50 + requests))]
    return Snapshot("1", number, paths=tuple(nodes))


def alone(**per_request: float) -> AloneRounds:
    """Rounds in which each dict gains so many entries per request."""
    sent = [0, *(sum(DOSES[: number + 1]) for number in range(len(DOSES)))]
    snapshots = [
        snapshot(number, requests, {name: 50 + int(per_request.get(name, 0) * requests) for name in NAMES})
        for number, requests in enumerate(sent)
    ]
    pairs = tuple(((before, after),) for before, after in pairwise(snapshots))
    return AloneRounds("order", "POST /order", DOSES, pairs)


def others(**per_request: float) -> tuple[str, ...]:
    (path,) = growing_paths(alone(orders=1, **per_request))
    assert path.path == "shop._BY_NUMBER[*]"
    return path.others


def test_a_second_index_of_the_same_objects_is_told_beside_the_first() -> None:
    assert others(index=1) == ("shop._BY_CUSTOMER",)


def test_neither_the_holder_itself_nor_what_its_objects_own_is_a_second_owner() -> None:
    assert others() == ()


def test_a_container_that_gains_another_number_of_entries_holds_something_else() -> None:
    assert others(index=2) == ()
    assert others(index=0.5) == ()


def test_the_shortest_path_comes_first() -> None:
    assert others(index=1, cache=1) == ("shop._PAGES", "shop._BY_CUSTOMER")


def test_one_round_proves_no_second_owner() -> None:
    rounds = alone(orders=1, index=1)
    (path,) = growing_paths(AloneRounds(rounds.step, rounds.route, rounds.doses[:1], rounds.pairs[:1]))
    assert path.others == ()
