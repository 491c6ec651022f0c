from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from builders import App, Kept, explain, record
from leakhunt.analysis.analyse import analyse
from leakhunt.model.report import Suspect
from leakhunt.model.run import Phase, Run
from leakhunt.model.snapshot import Frame
from leakhunt.model.split import NATIVE, OBJECTS, MemorySplit

IMAGE: Final = "POST /image"
VIEW: Final = Frame("/srv/app/shop/views.py", 42, "thumbnail")
FORM: Final = Frame("/srv/app/shop/views.py", 41, "thumbnail")
PICTURES: Final = (("shop.views", "module"), ("._PICTURES", "dict"), ("['*']", "shop.views.Picture"))
NAMES: Final = (("shop.views", "module"), ("._NAMES", "list"), ("[*]", "str"))


def suspects(keeps: int, kept: Sequence[Kept]) -> tuple[Suspect, ...]:
    """Of a route that keeps so many bytes per request, where the explain rounds see `kept`."""
    app = App(routes=(IMAGE,), keeps={IMAGE: {"live": keeps, "blocks": 3}})
    return analyse(explain(record(app), IMAGE, kept)).suspects


def lines(found: Sequence[Suspect]) -> list[int | None]:
    return [suspect.site.line if suspect.site else None for suspect in found]


def test_what_keeps_most_comes_first() -> None:
    few, many = (
        Kept(NAMES, size=2_000, stack=[FORM], allocated=2_000),
        Kept(PICTURES, size=18_000, stack=[VIEW], allocated=18_000),
    )
    found = suspects(20_000, [few, many])
    assert [suspect.path for suspect in found] == ["shop.views._PICTURES['*']", "shop.views._NAMES[*]"]
    assert [suspect.bytes_per_request for suspect in found] == [
        pytest.approx(18_000, rel=0.02),
        pytest.approx(2_000, rel=0.02),
    ]


def test_a_trifle_is_no_suspect() -> None:
    trifle = Kept(NAMES, size=60, stack=[FORM], allocated=60)
    found = suspects(20_000, [trifle, Kept(PICTURES, size=19_940, stack=[VIEW], allocated=19_940)])
    assert lines(found) == [42]


def test_entries_that_a_full_cache_exchanges_are_no_suspect_and_take_nothing_from_the_true_one() -> None:
    exchanged = Kept((), stack=[FORM], allocated=2_000)
    (found,) = suspects(20_000, [exchanged, Kept(PICTURES, size=20_000, stack=[VIEW], allocated=19_000)])
    assert found.site is not None
    assert found.site.line == 42
    assert found.bytes_per_request == pytest.approx(20_000, rel=0.01)


def test_a_line_that_no_path_leads_to_has_what_the_paths_leave() -> None:
    unreached = Kept((), stack=[FORM], allocated=12_000)
    found = suspects(20_000, [unreached, Kept(PICTURES, size=15_000, stack=[VIEW], allocated=15_000)])
    assert lines(found) == [42, 41]
    assert found[1].bytes_per_request == pytest.approx(5_000, rel=0.05)
    assert found[1].path is None


def test_a_line_alone_is_the_suspect_where_no_path_was_found() -> None:
    (found,) = suspects(20_000, [Kept((), stack=[FORM], allocated=20_000)])
    assert found.site is not None
    assert (found.site.line, found.path) == (41, None)
    assert found.bytes_per_request == pytest.approx(20_000, rel=0.01)


def test_of_a_route_that_was_not_run_alone_nothing_is_claimed() -> None:
    app = App(routes=(IMAGE,), keeps={IMAGE: {"live": 20_000, "blocks": 3}})
    (found,) = analyse(record(app)).suspects
    assert (found.cause, found.confidence, found.advice) == ("unexplained", "weak", None)
    assert found.null_reasons["advice"] == "nothing is known of its cause"
    assert found.bytes_per_request == pytest.approx(20_000, rel=0.02)


def test_the_advice_on_native_memory_names_the_holder() -> None:
    (found,) = suspects(20_000, [Kept(PICTURES, size=56, stack=[VIEW], allocated=300)])
    assert found.cause == "native"
    assert found.advice is not None
    assert "shop.views._PICTURES" in found.advice
    assert found.deep_size is None


def test_a_table_that_doubled_does_not_make_its_line_larger_than_the_growth_of_the_route() -> None:
    (found,) = suspects(2_000, [Kept(NAMES, size=1_900, stack=[VIEW], allocated=9_000)])
    assert found.bytes_per_request == pytest.approx(2_000, rel=0.02)


def test_one_block_is_one_block() -> None:
    (found,) = suspects(20_000, [Kept(PICTURES, size=20_000, stack=[VIEW], allocated=20_000)])
    assert "the line leaves exactly 1 block behind per request" in found.reasons


# --- What weighs how much. ------------------------------------------------------------------------------------------

FILES: Final = (("shop.views", "module"), ("._FILES", "list"), ("[*]", "str"))
POOL: Final = (("shop.views", "module"), ("._POOL", "list"), ("[*]", "threading.Thread"))


def of_resources(keeps: dict[str, float], kept: Sequence[Kept]) -> tuple[Suspect, ...]:
    """Of a route that leaves so much of each signal behind with every request."""
    app = App(routes=(IMAGE,), keeps={IMAGE: keeps})
    return analyse(explain(record(app), IMAGE, kept)).suspects


def test_objects_that_become_as_many_as_files_stand_for_them_whatever_they_are() -> None:
    (found,) = of_resources({"live": 120, "temp_files": 1.0}, [Kept(FILES, size=110, stack=[VIEW], allocated=120)])
    assert (found.cause, found.path) == ("temporary-files", "shop.views._FILES[*]")
    assert found.site is not None
    assert found.count_per_request == pytest.approx(1.0, rel=0.05)


def test_a_file_with_each_request_weighs_more_than_some_bytes() -> None:
    few = Kept(NAMES, per_request=3.0, size=100, stack=[FORM], allocated=300)
    found = of_resources({"live": 300, "temp_files": 1.0}, [few])
    assert [suspect.cause for suspect in found] == ["temporary-files", "python-objects"]


def test_much_memory_weighs_more_than_a_thread_now_and_then() -> None:
    big = Kept(PICTURES, size=50_000, stack=[VIEW], allocated=50_000)
    found = of_resources({"live": 50_000, "threads": 0.1}, [big])
    assert [suspect.cause for suspect in found] == ["python-objects", "threads"]


def test_memory_outside_python_comes_with_the_threads_where_these_become_more() -> None:
    (found,) = of_resources({"live": 5_000, "threads": 1.0}, [Kept(POOL, size=300, stack=[VIEW], allocated=300)])
    assert (found.cause, found.path) == ("threads", "shop.views._POOL[*]")
    assert found.bytes_per_request == pytest.approx(5_000, rel=0.02)
    assert any("they come with the threads" in reason for reason in found.reasons)


def with_objects(keeps: int, kept: Sequence[Kept]) -> tuple[Suspect, ...]:
    """Of a route whose growth the memory split knows to be Python objects."""
    app = App(routes=(IMAGE,), keeps={IMAGE: {"live": keeps, "blocks": 3}})
    run = explain(record(app), IMAGE, kept)
    worker = run.workers[0].key
    sizes = (0, keeps * 5_000)
    splits = (MemorySplit(worker, 1, size, {OBJECTS: size, NATIVE: 0}, {}, "glibc", True) for size in sizes)
    return analyse(replace(run, splits=tuple(splits))).suspects


def test_objects_that_were_not_seen_to_grow_are_put_down_to_those_that_were() -> None:
    (found,) = with_objects(20_000, [Kept(PICTURES, size=500, stack=[VIEW], allocated=500)])
    assert (found.cause, found.path) == ("python-objects", "shop.views._PICTURES['*']")
    assert found.bytes_per_request == pytest.approx(20_000, rel=0.02)
    assert any("were not seen when the route ran alone" in reason for reason in found.reasons)


def test_where_none_were_seen_the_split_alone_tells_the_cause() -> None:
    (found,) = with_objects(20_000, [Kept((), stack=[FORM], allocated=0)])
    assert (found.cause, found.path, found.site) == ("python-objects", None, None)


def test_objects_that_wait_for_a_collector_that_never_runs_are_cycles() -> None:
    waiting = (("<cycles not yet collected>", "object"), (".<object>", "cell"), ("._spans[*]", "shop.trace.Span"))
    app = App(routes=(IMAGE,), keeps={IMAGE: {"live": 20_000, "blocks": 3}})
    run = explain(record(app), IMAGE, [Kept(waiting, size=20_000, stack=[VIEW], allocated=20_000)])
    (found,) = analyse(collected(run)).suspects
    assert (found.cause, found.type) == ("cycles", "shop.trace.Span")
    (kept,) = analyse(run).suspects
    assert kept.cause == "python-objects"


def collected(run: Run) -> Run:
    """The run with a collection after its last verdict round that gave back nearly all it had kept."""
    last = max(each.index for each in run.rounds if each.phase is Phase.SETTLE)
    level = next(s.heap.live or 0 for s in run.rounds[5].samples if s.heap)
    samples = tuple(
        replace(s, heap=replace(s.heap, pymalloc=level // 2, malloc=level - level // 2)) if s.heap else s
        for s in run.rounds[last].samples
    )
    round_ = replace(run.rounds[last], phase=Phase.COLLECT, samples=samples)
    rounds = [*run.rounds[: last + 1], round_, *run.rounds[last + 1 :]]
    return replace(
        run,
        rounds=tuple(replace(each, index=i) for i, each in enumerate(rounds)),
        snapshots=tuple(replace(each, round=each.round + 1) for each in run.snapshots),
    )
