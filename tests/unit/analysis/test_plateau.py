"""Stores that are full: told by a snapshot from before the verdict rounds and one from after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from builders import App, Cache, Kept, record, snapshot
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.plateau import capped, caps_of, plateau_paths
from leakhunt.model.report import Verdict
from leakhunt.model.run import Phase, Round, Run
from leakhunt.model.snapshot import Container

IMAGE: Final = "POST /image"
STORE: Final = Kept((("shop.views", "module"), ("._SEEN", "dict"), ("['*']", "bytes")), size=2_000)
TRIFLE: Final = Kept((("shop.views", "module"), ("._LOG", "list"), ("[*]", "str")), size=100)
HELD: Final = Container("1@1", 9, "shop.views._SEEN", "dict", 800, 1_600_000, 800, "maxsize")


def filled(kept: Sequence[Kept] = (STORE, TRIFLE), entries: int = 700, containers: Sequence[Container] = ()) -> Run:
    """A run in which a store of a route filled up, with both snapshots."""
    run = record(App(routes=(IMAGE,), caches={IMAGE: Cache(800, 2_000)}), blocks=4)
    worker, last = run.workers[0].key, run.rounds[-1]
    baseline = next(each.index for each in run.rounds if each.phase is Phase.BASELINE)
    settle = Round(last.index + 1, Phase.SETTLE, last.ended, last.ended + 6, samples=last.samples)
    snapshots = (snapshot(worker, baseline, kept, 0), snapshot(worker, settle.index, kept, entries))
    return replace(run, rounds=(*run.rounds, settle), snapshots=snapshots, containers=tuple(containers))


def test_what_was_kept_between_the_two_snapshots_is_told_in_sums() -> None:
    (found,) = plateau_paths(filled())
    assert (found.path, found.count_per_request, found.size_per_request) == ("shop.views._SEEN['*']", 700, 1_400_000)


def test_a_table_above_it_that_was_resized_meanwhile_is_not_what_holds_it() -> None:
    (found,) = plateau_paths(filled([replace(STORE, room=3)]))
    assert (found.holder, found.path) == ("shop.views._SEEN", "shop.views._SEEN['*']")


def test_without_both_snapshots_nothing_is_known() -> None:
    run = filled()
    assert plateau_paths(replace(run, snapshots=run.snapshots[:1])) == ()
    assert plateau_paths(replace(run, snapshots=run.snapshots[1:])) == ()


def test_the_cap_of_the_holder_is_told_with_how_full_it_is() -> None:
    paths = plateau_paths(filled())
    (line,) = caps_of(paths, [HELD])
    assert line.startswith("shop.views._SEEN holds at most 800 entries (maxsize), about 1.53 MiB when full; it is 100%")
    assert capped(paths[0], [replace(HELD, cap=None)]) is None


def test_a_bounded_route_names_the_store_its_cap_and_what_it_holds() -> None:
    report = analyse(filled(containers=[HELD]))
    assert report.judgement.verdict is Verdict.BOUNDED
    (found,) = report.suspects
    assert (found.cause, found.path, found.cap) == ("bounded-cache", "shop.views._SEEN['*']", 800)
    assert found.bytes_per_request is None
    assert found.null_reasons["bytes_per_request"] == "it has stopped growing"
    assert "1.34 MiB in 700 more of it than at the baseline" in found.reasons[0]
    assert "holds at most 800 entries" in report.judgement.reasons[0]


def test_a_store_without_a_known_cap_is_named_all_the_same() -> None:
    (found,) = analyse(filled()).suspects
    assert (found.path, found.cap, found.confidence) == ("shop.views._SEEN['*']", None, "weak")
