"""Whole reports from whole runs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest

from builders import App, Kept, explain, peaks, record, snapshot
from leakhunt.analysis.analyse import analyse
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.report import Report, RouteReport, Verdict
from leakhunt.model.run import BACKGROUND, Phase, Run
from leakhunt.model.snapshot import Container, Frame
from leakhunt.model.split import NATIVE, OBJECTS, MemorySplit

IMAGE = "POST /image"
VIEW = Frame("/srv/app/courseware/views.py", 42, "thumbnail")
PILLOW = Frame("/srv/venv/lib/python3.11/site-packages/PIL/Image.py", 1363, "copy")
CACHE = [("courseware.views", "module"), ("._THUMBNAILS", "dict"), ("['*']", "courseware.views.Thumbnail")]
THUMBNAIL = Kept(CACHE, size=56, stack=[VIEW], allocated=20_000, below=[(".image", "PIL.Image.Image", 19_000)])
LEAKY = App(routes=(IMAGE, "GET /course"), keeps={IMAGE: {"live": 20_000, "blocks": 3}})


def row(report: Report, route: str = IMAGE) -> RouteReport:
    return next(found for found in report.routes if found.route == route)


@pytest.fixture(scope="module")
def run() -> Run:
    recorded = explain(record(LEAKY), IMAGE, [THUMBNAIL])
    worker = recorded.workers[0].key
    return replace(recorded, peaks=peaks(IMAGE, worker, [10**6, 2 * 10**6, 4 * 10**6] * 2, 3.2, noise=1_000))


def test_one_suspect_joins_route_size_line_and_holder(run: Run) -> None:
    (suspect,) = analyse(run).suspects
    assert suspect.route == IMAGE
    assert suspect.bytes_per_request == pytest.approx(20_000, rel=0.02)
    assert suspect.site is not None
    assert (suspect.site.file, suspect.site.line, suspect.site.function) == (VIEW.file, 42, "thumbnail")
    assert suspect.path == "courseware.views._THUMBNAILS['*'].image"
    assert suspect.path_nodes[2] == "['*'] (courseware.views.Thumbnail, +1 per request)"
    assert suspect.type == "courseware.views.Thumbnail"
    assert suspect.cause == "python-objects"
    assert suspect.confidence == "certain"
    assert suspect.advice is not None
    assert "courseware.views._THUMBNAILS" in suspect.advice


def test_the_flame_graph_has_the_stacks_that_keep_memory(run: Run) -> None:
    ((stack, width),) = analyse(run).flame
    assert stack == (VIEW,)
    assert width == pytest.approx(20_000)


def test_every_null_of_a_suspect_has_a_reason(run: Run) -> None:
    (suspect,) = analyse(run).suspects
    assert suspect.bytes_per_request_interval is not None
    assert suspect.library is None
    assert suspect.null_reasons["library"] == "the memory was not allocated inside a library"


def test_the_leaking_route_is_sized_within_a_percent(run: Run) -> None:
    image = row(analyse(run))
    assert image.verdict is Verdict.LEAK
    assert image.bytes_per_request == pytest.approx(20_000, rel=0.01)
    assert image.bytes_per_request_basis == "live"
    assert image.bytes_per_request_interval is not None
    assert image.bytes_per_request_interval[0] < 20_000 < image.bytes_per_request_interval[1]


def test_upload_amplification_is_the_slope_of_the_peaks(run: Run) -> None:
    image = row(analyse(run))
    assert image.amplification == pytest.approx(3.2, rel=0.01)
    assert image.peak_bytes_per_request == pytest.approx(2e6 + 3.2 * 4e6, rel=0.01)


def test_what_was_not_measured_has_a_reason(run: Run) -> None:
    course = row(analyse(run), "GET /course")
    assert course.amplification is None
    assert course.null_reasons["amplification"] == "no peak rounds were run for this route"
    for name in ("bytes_per_request", "live_bytes_per_request", "peak_bytes_per_request", "minimum_detectable"):
        assert (getattr(course, name) is None) == (name in course.null_reasons)


def test_the_growth_is_explained(run: Run) -> None:
    report = analyse(run)
    assert report.growth is not None
    assert report.explained is not None
    assert report.explained == pytest.approx(report.growth, rel=0.02)


def test_the_next_command_looks_into_the_function(run: Run) -> None:
    from_file = replace(run, plan=replace(run.plan, workload="uploads.toml"))
    assert analyse(from_file).next_command == (
        "leakhunt lines --function courseware.views:thumbnail --workload uploads.toml shop.wsgi:application"
    )


def test_the_next_command_repeats_a_command_after_two_dashes(run: Run) -> None:
    plan = replace(run.plan, workload="uploads.toml", server="own command", target="gunicorn -w 3 shop.wsgi")
    command = analyse(replace(run, plan=plan)).next_command
    assert command is not None
    assert command.endswith(" -- gunicorn -w 3 shop.wsgi")


def test_where_the_workload_cannot_be_repeated_the_report_is_next(run: Run) -> None:
    recorded = replace(run, conditions={"run directory": "leakhunt-runs/20260101 shop"})
    assert analyse(recorded).next_command == "leakhunt report 'leakhunt-runs/20260101 shop' --format md"


def test_the_same_run_gives_the_same_report(run: Run) -> None:
    assert analyse(run) == analyse(run)


def test_a_clean_run_is_clean_and_says_what_it_would_have_seen() -> None:
    report = analyse(record(App(), blocks=1))
    assert report.judgement.verdict is Verdict.CLEAN
    assert report.suspects == ()
    assert report.judgement.minimum_detectable is not None
    assert report.judgement.minimum_detectable >= 64


def test_native_memory_is_put_down_to_the_objects_that_own_it() -> None:
    path = [("shop.views", "module"), ("._IMAGES", "list"), ("[*]", "PIL.Image.Image")]
    shell = Kept(path, size=56, stack=[PILLOW, VIEW], allocated=300)
    run = replace(explain(record(LEAKY), IMAGE, [shell]), conditions={"python": "3.11.7", "package:pillow": "11.2.1"})
    (suspect,) = analyse(run).suspects
    assert suspect.cause == "native"
    assert suspect.bytes_per_request == pytest.approx(20_000, rel=0.01)
    assert suspect.path == "shop.views._IMAGES[*]"
    assert suspect.site is not None
    assert suspect.site.line == 42
    assert suspect.library is not None
    assert (suspect.library.package, suspect.library.version) == ("Pillow", "11.2.1")
    assert suspect.library.file == "PIL/Image.py"


def test_memory_that_no_allocator_knows_is_mapped() -> None:
    run = explain(record(App(keeps={IMAGE: {"anonymous": 8_192}})), IMAGE, [])
    (suspect,) = analyse(run).suspects
    assert suspect.cause == "mapped-by-interpreter-or-extension"
    assert row(analyse(run)).bytes_per_request_basis == "anonymous"


@pytest.mark.parametrize(
    ("signal", "cause"),
    [("threads", "threads"), ("descriptors", "descriptors"), ("temp_files", "temporary-files")],
)
def test_resources_have_causes_of_their_own(signal: str, cause: str) -> None:
    report = analyse(record(App(keeps={IMAGE: {signal: 1}})))
    assert report.judgement.verdict is Verdict.LEAK
    (suspect,) = report.suspects
    assert suspect.cause == cause
    assert suspect.count_per_request == pytest.approx(1)


def test_a_cap_makes_growth_bounded(run: Run) -> None:
    held = Container("1@1", 9, "courseware.views._THUMBNAILS", "dict", 900, 18_000_000, 5_000, "maxsize")
    report = analyse(replace(run, containers=(held,)))
    assert report.judgement.verdict is Verdict.BOUNDED
    assert "5000 entries (maxsize)" in report.judgement.reasons[0]
    (suspect,) = report.suspects
    assert (suspect.cause, suspect.cap, suspect.deep_size) == ("bounded-cache", 5_000, 18_000_000)


def test_exact_counts_settle_what_noise_leaves_open() -> None:
    # One block is not enough for a leak; the route alone shows it after all requests.
    run = record(LEAKY, blocks=1)
    assert row(analyse(run)).verdict is Verdict.INCONCLUSIVE
    assert row(analyse(explain(run, IMAGE, [THUMBNAIL]))).verdict is Verdict.LEAK


def test_a_route_of_unexpected_responses_is_never_clean() -> None:
    report = analyse(record(App(statuses={IMAGE: 302})))
    assert report.judgement.verdict is Verdict.INCONCLUSIVE
    image = row(report)
    assert image.unexpected == image.requests
    assert "302" in image.reasons[0]


def test_a_run_that_was_cut_short_is_never_clean() -> None:
    report = analyse(record(App(), rounds=4))
    assert report.judgement.verdict is Verdict.INCONCLUSIVE
    assert any("did not go to its end" in reason for reason in report.judgement.reasons)


def test_a_run_that_was_stopped_after_all_was_clean_is_not_clean() -> None:
    stopped = replace(record(App()), outcome="The load was stopped: only 1 GiB of disk is free.")
    judgement = analyse(stopped).judgement
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reasons == ("the run did not go to its end: The load was stopped: only 1 GiB of disk is free.",)


@pytest.mark.parametrize("death", ["killed by SIGKILL, probably by the kernel's out-of-memory killer", "exit code 1"])
def test_a_run_whose_workers_died_is_never_clean(death: str) -> None:
    run = record(App(), workers=2)
    dead = replace(run.workers[0], died=5.0, death=death)
    judgement = analyse(replace(run, workers=(dead, *run.workers[1:]))).judgement
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reasons == (f"workers that died while they were measured: 1, the last one {death}",)


def test_recycled_workers_are_no_flaw() -> None:
    run = record(App(), workers=2)
    ended = replace(run.workers[0], died=5.0, death="recycled")
    assert analyse(replace(run, workers=(ended, *run.workers[1:]))).judgement.verdict is Verdict.CLEAN


def test_a_run_that_was_cut_after_the_proof_still_finds_the_leak() -> None:
    report = analyse(record(LEAKY, blocks=3, rounds=14))
    assert report.judgement.verdict is Verdict.LEAK


def test_an_empty_recording_has_a_report() -> None:
    run = record(App(), rounds=0)
    report = analyse(replace(run, rounds=(), requests=(), timeline=(), workers=()))
    assert report.judgement.verdict is Verdict.INCONCLUSIVE
    assert report.growth is None


def test_early_growth_is_told_apart(run: Run) -> None:
    report = analyse(run)
    assert report.warm_up_growth is not None
    assert report.evidence[-1].phase.value == "settle"
    assert sum(line.requests for line in report.evidence if line.phase.value == "dose") == sum(
        sum(round_.doses.values()) for round_ in run.rounds if round_.phase.value == "dose"
    )


def test_every_route_that_is_not_clean_has_evidence(run: Run) -> None:
    report = analyse(run)
    assert [found.route for found in report.route_evidence] == [IMAGE]
    assert report.route_evidence[0].blocks[-1].per_request == pytest.approx(20_000, rel=0.02)


def test_the_chart_has_a_curve_and_a_shade_for_each(run: Run) -> None:
    report = analyse(run)
    assert [curve.worker for curve in report.series] == [worker.key for worker in run.workers]
    assert [span.label for span in report.phases] == ["warm-up", "baseline", "verdict rounds", "settle", "explain"]


def test_recycled_lives_have_rows_of_their_own() -> None:
    report = analyse(record(LEAKY, workers=2, recycle=2_000))
    assert len(report.workers) > 2
    assert report.workers[0].death == "recycled"


@pytest.mark.parametrize(("status", "caveats"), [(201, []), (404, ["once-failed"])])
def test_a_step_sent_once_leaves_the_verdict_alone_and_is_told_when_it_failed(status: int, caveats: list[str]) -> None:
    clean = record(App(routes=(IMAGE, "GET /course")))
    once = RequestRecord(0, "create", status, status < 400, 10, 0.0, 0.1)
    report = analyse(replace(clean, requests=(once, *clean.requests)))
    assert report.judgement.verdict is Verdict.CLEAN
    assert {found.route for found in report.routes} == {IMAGE, "GET /course"}
    assert [caveat.code for caveat in report.caveats if caveat not in clean.caveats] == caveats


# --- Signals that could not be read. --------------------------------------------------------------------------------


def without(run: Run, field: str) -> Run:
    """The run with this reading of the heap missing from every sample."""
    missing: dict[str, Any] = {field: None}
    rounds = []
    for round_ in run.rounds:
        samples = [replace(each, heap=replace(each.heap, **missing)) for each in round_.samples if each.heap]
        rounds.append(replace(round_, samples=tuple(samples)))
    return replace(run, rounds=tuple(rounds))


@pytest.mark.parametrize(
    ("field", "who"),
    [("malloc", "its malloc (unknown)"), ("pymalloc", "the allocator of its Python objects")],
)
def test_the_report_says_which_allocator_keeps_live_bytes_from_being_read(field: str, who: str) -> None:
    (caveat,) = [each for each in analyse(without(record(App()), field)).caveats if each.code == "live-unread"]
    assert caveat.text == (
        f"live bytes cannot be read, for {who} does not tell what is in use: "
        "leaks are told by anonymous memory, from 1.00 KiB per request"
    )


def test_it_says_nothing_of_them_where_they_were_read() -> None:
    assert "live-unread" not in {each.code for each in analyse(record(App())).caveats}


# --- What grows with time. ------------------------------------------------------------------------------------------


TICKS: Final = Kept((("shop.timer", "module"), ("._TICKS", "list"), ("[*]", "bytes")), size=25_000, allocated=0)


def ticking(app: App, *kept: Kept) -> Run:
    """A run with idle rounds, and snapshots between rounds without load: two more of `kept` each second."""
    run = record(app, idle=2)
    rounds, snapshots = list(run.rounds), []
    for seconds in (1, 2, 3, 5):
        before = rounds[-1]
        ended = before.ended + seconds
        rounds.append(replace(before, index=len(rounds), phase=Phase.EXPLAIN, started=before.ended, ended=ended,
                              block=None, alone=BACKGROUND))  # fmt: skip
        snapshots.append(snapshot(run.workers[0].key, len(rounds) - 1, kept, round(2 * ended)))
    return replace(run, rounds=tuple(rounds), snapshots=tuple(snapshots))


def test_a_timer_is_a_leak_of_its_own_with_its_holder_and_no_route_is_to_blame() -> None:
    report = analyse(ticking(App(routes=("a", "b"), per_second=50_000), TICKS))
    assert report.judgement.verdict is Verdict.LEAK
    assert {route.verdict for route in report.routes} == {Verdict.CLEAN}
    assert report.background is not None
    assert report.background.verdict is Verdict.LEAK
    assert report.background.bytes_per_second == pytest.approx(50_000, rel=0.02)
    (found,) = report.suspects
    assert (found.route, found.path, found.bytes_per_request) == (BACKGROUND, "shop.timer._TICKS[*]", None)
    assert found.bytes_per_second == pytest.approx(50_000, rel=0.05)
    assert found.count_per_second == pytest.approx(2, rel=0.05)
    assert found.path_nodes[-1] == "[*] (bytes, +2 per second)"
    assert not any("request" in text for text in (*found.reasons, *found.path_nodes))


def test_objects_of_a_timer_that_were_not_seen_are_told_by_the_memory_split() -> None:
    run = ticking(App(routes=("a", "b"), per_second=50_000), replace(TICKS, size=5_000))
    seconds = run.rounds[-5].ended

    def split(objects: int, native: int) -> MemorySplit:
        parts = {OBJECTS: objects, NATIVE: native}
        return MemorySplit(run.workers[0].key, 1, objects + native, parts, {}, "glibc", True)

    grown = round(50_000 * seconds)
    (found,) = analyse(replace(run, splits=(split(0, 0), split(grown, 0)))).suspects
    assert (found.route, found.cause) == (BACKGROUND, "python-objects")
    (found,) = analyse(replace(run, splits=(split(0, 0), split(0, grown)))).suspects
    assert (found.route, found.cause) == (BACKGROUND, "native")


def test_a_route_that_leaks_beside_a_timer_is_told_apart_from_it() -> None:
    report = analyse(record(replace(LEAKY, per_second=50_000), idle=2))
    assert row(report).bytes_per_request == pytest.approx(20_000, rel=0.02)
    assert row(report, "GET /course").verdict is Verdict.CLEAN
    assert {suspect.route for suspect in report.suspects} == {IMAGE, BACKGROUND}


def test_what_idle_rounds_do_not_prove_is_told_and_changes_no_verdict() -> None:
    report = analyse(record(App(routes=("a",), per_second=400), idle=2))
    assert report.judgement.verdict is Verdict.CLEAN
    assert report.background is not None
    assert report.background.verdict is Verdict.CLEAN
    assert report.judgement.reasons[-1].endswith("rule out as much as the budget")
    assert not report.suspects


def test_threads_that_a_timer_starts_are_told_by_their_number() -> None:
    run = record(App(routes=("a",)), idle=2)
    started = next(each.started for each in run.rounds if each.phase is Phase.IDLE)
    rounds = tuple(
        replace(each, samples=tuple(replace(s, threads=2 + round(2 * (s.time - started))) for s in each.samples))
        if each.phase is Phase.IDLE
        else each
        for each in run.rounds
    )
    found = analyse(replace(run, rounds=rounds)).background
    assert found is not None
    assert found.verdict is Verdict.LEAK
    assert re.match(r"grows by (1\.9\d|2|2\.0\d) threads per second while nothing is requested", found.reasons[0])
