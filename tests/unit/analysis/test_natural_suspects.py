"""Who holds what has grown under an app's own traffic."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.analysis.analyse import analyse
from leakhunt.model.report import Suspect
from leakhunt.model.run import Run
from leakhunt.model.snapshot import PathNode
from unit.analysis.natural_runs import Visit, looked_at, steady, waves

DEMAND = {"GET /leak": steady(5), "GET /page": steady(20), "GET /search": waves(8)}
LEAK = {"GET /leak": {"anonymous": 20_000, "malloc": 20_000, "blocks": 1}}


def served(run: Run, route: str) -> list[tuple[int, int]]:
    """As many objects as requests, of each worker."""
    return [(10, 10 + sample.served.get(route, 0)) for sample in run.rounds[-1].samples]


def suspects(run: Run) -> tuple[Suspect, ...]:
    return analyse(run).suspects


def test_the_holder_that_grew_like_the_route_is_named() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    (suspect,) = suspects(looked_at(run, "site_app.KEPT", "bytes", 20_033, served(run, "GET /leak")))
    assert suspect.route == "GET /leak"
    assert suspect.path == "site_app.KEPT[*]"
    assert suspect.type == "bytes"
    assert suspect.confidence == "weak"
    assert suspect.reasons == ("1 more of them for each of its requests, which nothing shows to have made them",)
    assert "a workload shows the line" in suspect.null_reasons["site"]


def test_a_holder_that_grew_by_something_quite_different_is_not() -> None:
    run = Visit(DEMAND, LEAK).run(1)
    (suspect,) = suspects(looked_at(run, "site_app.HUGE", "bytes", 2_000_000, served(run, "GET /leak")))
    assert suspect.path is None
    assert suspect.reasons == ("no place in the heap was seen to grow like it between the two looks",)


def test_each_holder_goes_to_the_route_that_it_grew_most_like() -> None:
    keeps = {**LEAK, "GET /page": {"anonymous": 3_000, "malloc": 3_000, "blocks": 1}}
    run = Visit(DEMAND, keeps).run(1)
    big = looked_at(run, "site_app.BIG", "bytes", 20_000, served(run, "GET /leak"))
    small = looked_at(run, "site_app.SMALL", "str", 3_000, served(run, "GET /page"))
    both = tuple(
        replace(one, paths=(*one.paths, *(_below(node, len(one.paths) - 1) for node in other.paths[1:])))
        for one, other in zip(big.snapshots, small.snapshots, strict=True)
    )
    found = {suspect.route: suspect.path for suspect in suspects(replace(run, snapshots=both))}
    assert found == {"GET /leak": "site_app.BIG[*]", "GET /page": "site_app.SMALL[*]"}


def _below(node: PathNode, offset: int) -> PathNode:
    """The same node where another tree comes before it."""
    return replace(node, parent=node.parent + offset if node.parent else 0)


def test_a_route_is_suspected_without_any_look_at_the_heap() -> None:
    (suspect,) = suspects(Visit(DEMAND, LEAK).run(1))
    assert (suspect.route, suspect.path, suspect.cause) == ("GET /leak", None, "unexplained")


def test_threads_that_stay_are_told_as_threads() -> None:
    (suspect,) = suspects(Visit(DEMAND, {"GET /leak": {"threads": 1}}).run(1))
    assert (suspect.cause, round(suspect.count_per_request or 0)) == ("threads", 1)
