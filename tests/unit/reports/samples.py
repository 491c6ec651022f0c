"""Reports that every format has to show: one of each verdict, one nearly empty, one full of nasty text."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final, TypeVar

from leakhunt.model.report import (
    EvidenceRow,
    Growth,
    Hazard,
    Holding,
    Hotspot,
    Judgement,
    Library,
    MemoryPart,
    MemoryReport,
    PhaseSpan,
    Report,
    RoundRow,
    RouteEvidence,
    RouteReport,
    Series,
    Site,
    Suspect,
    Verdict,
    WorkerReport,
)
from leakhunt.model.run import ATTACHED, NATURAL, WATCHED, Caveat, Cost, Phase, Plan
from leakhunt.model.snapshot import Frame

Noun = TypeVar("Noun", Report, RouteReport, Suspect, WorkerReport, MemoryReport, MemoryPart, RoundRow, Judgement, Plan)

IMAGE: Final = "POST /lessons/<int:pk>/images/"
VIDEO: Final = "POST /lessons/<int:pk>/videos/"
DOCUMENT: Final = "POST /lessons/<int:pk>/documents/"
COURSE: Final = "GET /courses/<slug:slug>/"

PLAN: Final = Plan(
    target="courseware.wsgi:application",
    workload="examples/courseware/uploads.toml",
    server="gunicorn",
    seed=7,
    concurrency=2,
    workers=2,
    memory_limit=8 << 30,
    options={"chdir": "examples/courseware"},
)

CONDITIONS: Final = {
    "python": "CPython 3.11.7",
    "server": "gunicorn 27.0.1, 2 sync workers",
    "django": "5.2.19",
    "kernel": "Linux 6.18",
    "cores": "2",
    "memory": "23.5 GiB",
}

IMAGE_STACK: Final = (
    Frame("/venv/lib/python3.11/site-packages/PIL/Image.py", 1363, "copy"),
    Frame("/srv/courseware/courseware/thumbnails.py", 42, "make_thumbnail"),
    Frame("/srv/courseware/courseware/views.py", 88, "upload_image"),
    Frame("/venv/lib/python3.11/site-packages/django/core/handlers/base.py", 197, "_get_response"),
)
VIDEO_STACK: Final = (
    Frame("/srv/courseware/courseware/processing.py", 31, "enqueue"),
    Frame("/srv/courseware/courseware/views.py", 61, "upload_video"),
    Frame("/venv/lib/python3.11/site-packages/django/core/handlers/base.py", 197, "_get_response"),
)
DOCUMENT_STACK: Final = (
    Frame("/venv/lib/python3.11/site-packages/django/db/models/base.py", 536, "from_db"),
    Frame("/srv/courseware/courseware/documents.py", 19, "store_chunks"),
    Frame("/srv/courseware/courseware/views.py", 104, "upload_document"),
    Frame("/venv/lib/python3.11/site-packages/django/core/handlers/base.py", 197, "_get_response"),
)


def route(name: str, step: str, verdict: Verdict, kept: float | None, **changes: object) -> RouteReport:
    interval = None if kept is None else (kept * 0.99 - 200, kept * 1.01 + 200)
    row = RouteReport(
        route=name,
        steps=(step,),
        requests=212,
        unexpected=0,
        statuses={"201": 212},
        verdict=verdict,
        reasons=("Live bytes grew with every dose (p = 0.0004).",)
        if verdict is Verdict.LEAK
        else ("The upper end of the interval is below the budget.",),
        bytes_per_request=kept,
        bytes_per_request_interval=interval,
        bytes_per_request_basis=None if kept is None else "live",
        live_bytes_per_request=kept,
        growths=()
        if interval is None or kept is None
        else (Growth("live", kept, interval, 0.0004), Growth("blocks", 12.0, (11.8, 12.2), 0.0004)),
        peak_bytes_per_request=None,
        amplification=None,
        amplification_interval=None,
        minimum_detectable=1_400.0,
        median_duration=0.043,
        null_reasons={
            "peak_bytes_per_request": "no upload sizes to compare",
            "amplification": "no upload sizes to compare",
        },
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # names are checked when the module is imported


LEAKING_ROUTES: Final = (
    route(
        VIDEO,
        "video",
        Verdict.LEAK,
        2_202_009.6,
        peak_bytes_per_request=63_000_000.0,
        amplification=3.2,
        amplification_interval=(3.1, 3.3),
        null_reasons={},
    ),
    route(
        IMAGE,
        "image",
        Verdict.LEAK,
        42_188.8,
        peak_bytes_per_request=18_874_368.0,
        amplification=9.41,
        amplification_interval=(9.0, 9.8),
        null_reasons={},
    ),
    route(DOCUMENT, "document", Verdict.LEAK, 9_318.4),
    route(COURSE, "course", Verdict.CLEAN, 3.2, statuses={"200": 212}, requests=424),
)

SUSPECTS: Final = (
    Suspect(
        route=VIDEO,
        bytes_per_request=2_198_732.8,
        count_per_request=1.0,
        type="bytes",
        cause="python-objects",
        site=Site("courseware/processing.py", 31, "enqueue", "QUEUE.put(Job(lesson.pk, upload.read()))"),
        library=None,
        stack=VIDEO_STACK,
        path="courseware.processing.QUEUE.queue[*].body",
        path_nodes=(
            "courseware.processing (module)",
            ".QUEUE (queue.Queue)",
            ".queue (collections.deque, +1.00 per request)",
            "[*] (courseware.processing.Job, +1.00 per request)",
            ".body (bytes, +1.00 per request)",
        ),
        fingerprint="9b1f0c6a72d1",
        origin="application",
        confidence="certain",
        reasons=("Its count grew by exactly one per request in all 12 verdict rounds.",),
        deep_size=466_131_353,
        chain=("module courseware.processing", "Queue", "deque", "Job", "bytes"),
        advice="Put the path of a temporary file on the queue instead of the bytes, and drop the job when it is done.",
        bytes_per_request_interval=(2_190_000.0, 2_207_000.0),
    ),
    Suspect(
        route=IMAGE,
        bytes_per_request=42_188.8,
        count_per_request=1.0,
        type="PIL.Image.Image",
        cause="native",
        site=Site("courseware/thumbnails.py", 42, "make_thumbnail", "_THUMBNAILS[upload.name] = image.copy()"),
        library=Library("pillow", "13.0.0", "PIL/Image.py", "copy"),
        stack=IMAGE_STACK,
        path="courseware.thumbnails._THUMBNAILS['*'].image",
        path_nodes=(
            "courseware.thumbnails (module)",
            "._THUMBNAILS (dict, +1.00 per request)",
            "['*'] (courseware.thumbnails.Thumbnail, +1.00 per request)",
            ".image (PIL.Image.Image, +1.00 per request)",
        ),
        fingerprint="4e02d7c31a90",
        origin="application",
        confidence="strong",
        reasons=("Its count grew by exactly one per request in all 12 verdict rounds.",),
        deep_size=8_944_025,
        chain=("module courseware.thumbnails", "dict", "Thumbnail", "Image"),
        advice="Bound _THUMBNAILS, for example with functools.lru_cache(maxsize=256), or keep the thumbnail on disk.",
        bytes_per_request_interval=(41_700.0, 42_600.0),
    ),
    Suspect(
        route=DOCUMENT,
        bytes_per_request=9_113.6,
        count_per_request=4.02,
        type="courseware.models.Chunk",
        cause="python-objects",
        site=Site("courseware/documents.py", 19, "store_chunks", None),
        library=Library("django", "5.2.19", "django/db/models/base.py", "from_db"),
        stack=DOCUMENT_STACK,
        path=None,
        path_nodes=(),
        fingerprint="d0a77be4415f",
        origin="application",
        confidence="weak",
        reasons=("Live bytes of this stack grew in every explain round.",),
        null_reasons={"path": "the growing objects are held by C code that Python cannot look into"},
    ),
)

WORKERS: Final = (
    WorkerReport(
        key="4711@81234",
        pid=4711,
        role="worker",
        name="gunicorn worker 1",
        requests=610,
        rss_start=58_720_256,
        rss_end=412_090_368,
        rss_max=430_964_736,
        uss_end=398_458_880,
        lived=61.2,
        death=None,
        judged=True,
    ),
    WorkerReport(
        key="4712@81240",
        pid=4712,
        role="worker",
        name="gunicorn worker 2",
        requests=450,
        rss_start=58_851_328,
        rss_end=301_989_888,
        rss_max=318_767_104,
        uss_end=290_455_552,
        lived=44.0,
        death="killed by SIGKILL",
        judged=True,
    ),
    WorkerReport(
        key="4720@81300",
        pid=4720,
        role="companion",
        name="celery",
        requests=0,
        rss_start=71_303_168,
        rss_end=71_434_240,
        rss_max=71_434_240,
        uss_end=None,
        lived=60.0,
        death=None,
        judged=False,
    ),
)

MEMORY: Final = (
    MemoryReport(
        worker="4711@81234",
        name="gunicorn worker 1",
        pid=4711,
        allocator="glibc",
        pymalloc=True,
        rss_start=58_720_256,
        rss_end=412_090_368,
        parts=(
            MemoryPart("objects", 21_430_272, 318_767_104),
            MemoryPart("arena-free", 1_048_576, 2_097_152),
            MemoryPart("native", 4_194_304, 50_331_648),
            MemoryPart("malloc-free", 524_288, 9_961_472),
            MemoryPart("stacks", 131_072, 139_264),
            MemoryPart("files", 21_000_192, 21_000_192),
            MemoryPart("mapped", 1_048_576, 1_048_576),
            MemoryPart("rest", 0, 0),
            MemoryPart("shared", 9_342_976, 8_744_960),
        ),
        unshared=598_016,
        trimmable=6_291_456,
    ),
)

PHASES: Final = (
    PhaseSpan(Phase.WARM_UP, "warm-up", 0.0, 9.0),
    PhaseSpan(Phase.BASELINE, "baseline", 9.0, 11.0),
    PhaseSpan(Phase.DOSE, "verdict rounds", 11.0, 38.0),
    PhaseSpan(Phase.SETTLE, "settle", 38.0, 42.0),
    PhaseSpan(Phase.PEAK, "peak", 42.0, 48.0),
    PhaseSpan(Phase.EXPLAIN, "explain", 48.0, 61.0),
)

DOSES: Final = (17, 41, 23, 53, 29, 19, 47, 31, 37, 43)


def series(worker: str, name: str, start: int, slope: float, end: float = 61.0) -> Series:
    times = tuple(step * 0.5 for step in range(int(end * 2) + 1))
    rss = tuple(
        int(start + 30e6 * min(time / 9, 1) + slope * max(time - 9, 0) + (3e6 if step % 4 == 1 else 0))
        for step, time in enumerate(times)
    )
    return Series(
        worker, name, times, rss, tuple(None if step % 5 == 0 else value - 11_000_000 for step, value in enumerate(rss))
    )


def evidence(per_request: float) -> tuple[RoundRow, ...]:
    return (
        RoundRow(0, Phase.WARM_UP, None, 60, None, None),
        *(
            RoundRow(
                index,
                Phase.DOSE,
                index // 5,
                dose,
                per_request * dose + 900 * (index % 3),
                per_request + 900 * (index % 3) / dose,
            )
            for index, dose in enumerate(DOSES, start=1)
        ),
    )


def route_evidence(name: str, per_request: float, signal: str = "live") -> RouteEvidence:
    rounds = tuple(
        EvidenceRow(index, dose, per_request * dose + 900 * (index % 3), per_request + 900 * (index % 3) / dose)
        for dose, index in sorted(zip(DOSES[5:], range(6, 11), strict=True))
    )
    return RouteEvidence(
        name,
        signal,
        (EvidenceRow(1, 163, per_request * 163, per_request), EvidenceRow(2, 177, per_request * 177, per_request)),
        rounds,
    )


HAZARDS: Final = (
    Hazard(
        "transient-peak",
        VIDEO,
        63_000_000,
        "one request needs 60.1 MiB for a moment, 3.20 times its upload",
        "Stream the upload or the response instead of holding all of it in memory.",
    ),
)

LEAK: Final = Report(
    schema=1,
    name="courseware.wsgi:application",
    started_at="2026-11-23T22:00:00Z",
    leakhunt="0.1.0",
    duration=63.4,
    plan=PLAN,
    conditions=CONDITIONS,
    judgement=Judgement(
        Verdict.LEAK,
        (
            f"{VIDEO} keeps 2.10 MiB per request in every worker (p = 0.0004).",
            f"{IMAGE} keeps 41.2 KiB per request, and still did after 212 requests.",
            f"{DOCUMENT} keeps 9.10 KiB per request.",
        ),
        thresholds={"live": 1024.0},
        minimum_detectable=1_400.0,
    ),
    routes=LEAKING_ROUTES,
    suspects=SUSPECTS,
    hotspots=(
        Hotspot("enqueue", "courseware/processing.py", 31, VIDEO, 2_198_732.8, 2.0),
        Hotspot("make_thumbnail", "courseware/thumbnails.py", 42, IMAGE, 42_188.8, 6.1),
        Hotspot("store_chunks", "courseware/documents.py", 19, DOCUMENT, 9_113.6, 48.2),
    ),
    workers=WORKERS,
    memory=MEMORY,
    series=(
        series("4711@81234", "gunicorn worker 1", 58_720_256, 6.1e6),
        series("4712@81240", "gunicorn worker 2", 58_851_328, 5.2e6, end=44.0),
        series("4720@81300", "celery", 41_303_168, 0.0),
    ),
    phases=PHASES,
    hazards=HAZARDS,
    evidence=evidence(751_000.0),
    explained=481_296_384,
    growth=503_316_480,
    warm_up_growth=61_865_984,
    caveats=(
        Caveat(
            "worker-died", "gunicorn worker 2 was killed by SIGKILL after 450 requests; its rounds up to then count."
        ),
    ),
    cost=Cost(cpu_fraction=0.013, memory=6_501_171, longest_pause=0.0052, child_memory=93_847_552),
    next_command="leakhunt profile courseware.wsgi:application --chdir examples/courseware --env VARIANT=fixed",
    outcome="complete",
    flame=((VIDEO_STACK, 2_198_732.8), (IMAGE_STACK, 42_188.8), (DOCUMENT_STACK, 9_113.6)),
    route_evidence=(
        route_evidence(VIDEO, 2_202_009.6),
        route_evidence(IMAGE, 42_188.8),
        route_evidence(DOCUMENT, 9_318.4),
    ),
)

CLEAN: Final = replace(
    LEAK,
    judgement=Judgement(
        Verdict.CLEAN,
        ("No route keeps more than 1.37 KiB per request, with 99 % confidence.",),
        thresholds={"live": 1024.0},
        minimum_detectable=1_400.0,
    ),
    routes=tuple(
        replace(
            row,
            verdict=Verdict.CLEAN,
            bytes_per_request=1.5,
            bytes_per_request_interval=(-310.0, 313.0),
            amplification=0.04,
        )
        for row in LEAKING_ROUTES
    ),
    suspects=(),
    hotspots=(),
    workers=WORKERS[:1],
    series=(series("4711@81234", "gunicorn worker 1", 58_720_256, 0.0),),
    evidence=evidence(1.5),
    route_evidence=(),
    explained=0,
    growth=1_590,
    caveats=(),
    flame=(),
)

BOUNDED: Final = replace(
    CLEAN,
    judgement=Judgement(
        Verdict.BOUNDED,
        ("courseware.catalogue._PAGES grew to its cap of 500 entries (functools.lru_cache, maxsize=500) and stopped.",),
        provisional=True,
        minimum_detectable=1_400.0,
    ),
    routes=(replace(LEAKING_ROUTES[3], verdict=Verdict.BOUNDED, reasons=("Growth stopped in round 7.",)),),
    suspects=(
        replace(
            SUSPECTS[1],
            route=COURSE,
            type="courseware.catalogue.Page",
            cause="bounded-cache",
            site=Site("courseware/catalogue.py", 12, "page", "@lru_cache(maxsize=500)"),
            library=None,
            path="courseware.catalogue.page.cache['*']",
            path_nodes=("courseware.catalogue (module)", ".page (functools._lru_cache_wrapper)"),
            cap=500,
            fingerprint="aa10b0c4e2f1",
            advice=None,
        ),
    ),
    route_evidence=(
        RouteEvidence(
            COURSE,
            "live",
            (EvidenceRow(1, 163, 1_900_000.0, 1_900_000 / 163), EvidenceRow(2, 177, 566.4, 3.2)),
            (EvidenceRow(8, 31, -62.0, -2.0), EvidenceRow(10, 43, 137.6, 3.2)),
        ),
    ),
    explained=1_900_000,
    growth=2_000_000,
    next_command=None,
)

INCONCLUSIVE: Final = replace(
    LEAK,
    judgement=Judgement(
        Verdict.INCONCLUSIVE,
        ("38 of 212 requests to step image failed (500: 38), so its growth says nothing about healthy requests.",),
        provisional=True,
    ),
    routes=(
        route(
            IMAGE,
            "image",
            Verdict.INCONCLUSIVE,
            None,
            unexpected=38,
            statuses={"201": 170, "500": 38, "no response": 4},
            reasons=("18 % of the requests were not answered as expected.",),
            minimum_detectable=None,
            median_duration=None,
            null_reasons={
                "bytes_per_request": "too many requests failed",
                "bytes_per_request_interval": "too many requests failed",
                "bytes_per_request_basis": "too many requests failed",
                "live_bytes_per_request": "the target has no agent",
                "peak_bytes_per_request": "the target has no agent",
                "amplification": "the target has no agent",
                "amplification_interval": "the target has no agent",
                "minimum_detectable": "too many requests failed",
                "median_duration": "too many requests failed",
            },
        ),
    ),
    suspects=(),
    hotspots=(),
    workers=(replace(WORKERS[2], rss_start=None, rss_end=None, rss_max=None, lived=None),),
    series=(),
    evidence=(RoundRow(0, Phase.WARM_UP, None, 60, None, None),),
    route_evidence=(),
    explained=None,
    growth=None,
    warm_up_growth=None,
    caveats=(
        Caveat(
            "stdlib-server", "The target was served by the standard library's server, which is no production server."
        ),
        Caveat("no-agent", "The target's interpreter could not load the agent, so nothing was measured from inside."),
    ),
    cost=Cost(cpu_fraction=None, memory=None, longest_pause=None),
    next_command="leakhunt profile courseware.wsgi:application --requests 400",
    outcome="interrupted",
    flame=(),
)

TRUNCATED: Final = replace(
    INCONCLUSIVE,
    hazards=(),
    judgement=Judgement(Verdict.INCONCLUSIVE, ("The run ended during the warm-up.",)),
    conditions={},
    routes=(),
    workers=(),
    phases=(),
    evidence=(),
    route_evidence=(),
    caveats=(),
    cost=None,
    next_command=None,
    outcome=None,
    duration=0.0,
)

WATCHED_REPORT: Final = replace(
    TRUNCATED,
    name="gunicorn master",
    duration=600.0,
    plan=Plan("PID 100 (gunicorn master)", WATCHED, "gunicorn master", 0, 0, options={"interval": "2 s"}),
    judgement=Judgement(
        Verdict.SUSPECTED,
        (
            "gunicorn worker 1 (PID 101): RSS rose by 28.5 MiB per minute (27.7 MiB to 29.3 MiB), over 10 min 00 s",
            "a trend is no proof: leakhunt profile makes its own requests, and tells a leak from a cache that fills",
        ),
    ),
    workers=(
        WorkerReport(
            key="101@1010",
            pid=101,
            role="worker",
            name="gunicorn worker 1",
            requests=None,
            rss_start=20 * 2**20,
            rss_end=305 * 2**20,
            rss_max=305 * 2**20,
            uss_end=290 * 2**20,
            lived=None,
            death=None,
            judged=False,
        ),
    ),
    memory=(),
    growth=None,
    explained=None,
    warm_up_growth=None,
    series=(series("101@1010", "gunicorn worker 1", 20 * 2**20, 500_000.0, 600.0),),
    caveats=(
        Caveat("only-watched", "memory was only watched, from outside: what was requested meanwhile is not known"),
    ),
    outcome="complete",
    next_command=None,
)

NATURAL_ROUTES: Final = tuple(
    RouteReport(
        route=route,
        steps=steps,
        requests=requests,
        unexpected=0,
        statuses={},
        verdict=verdict,
        reasons=(reason,),
        bytes_per_request=rate,
        bytes_per_request_interval=None if rate is None else (rate - 900.0, rate + 900.0),
        bytes_per_request_basis=None if rate is None else "anonymous",
        live_bytes_per_request=None,
        growths=() if rate is None else (Growth("anonymous", rate, (rate - 900.0, rate + 900.0), None),),
        peak_bytes_per_request=None,
        amplification=None,
        amplification_interval=None,
        minimum_detectable=None if rate is None else 1_400.0,
        median_duration=None,
        null_reasons={"peak_bytes_per_request": "nothing was sent"},
    )
    for route, steps, requests, verdict, rate, reason in (
        (
            "GET /leak",
            ("GET /leak",),
            812,
            Verdict.SUSPECTED,
            20_100.0,
            "anonymous memory rose by 19.6 KiB per request (18.8 KiB to 20.5 KiB), over 812 requests",
        ),
        (
            "GET /page and GET /page/data",
            ("GET /page", "GET /page/data"),
            3_210,
            Verdict.NOT_SEEN,
            -12.0,
            "nothing was seen to rise over 3210 requests; up to 888 B per request is not ruled out",
        ),
        ("5 other routes", ("GET /a", "GET /b"), 9, Verdict.INCONCLUSIVE, None, "too few to tell anything by"),
    )
)
NATURAL_REPORT: Final = replace(
    WATCHED_REPORT,
    name="pid-4711",
    duration=124.0,
    plan=Plan("PID 4711", NATURAL, ATTACHED, 0, 0, options={"duration": "120 s", "flags": "--pid 4711"}),
    judgement=Judgement(
        Verdict.SUSPECTED,
        (
            f"GET /leak: {NATURAL_ROUTES[0].reasons[0]}",
            "all workers together: anonymous memory rose by 7.80 MiB per minute (6.90 MiB to 8.70 MiB)",
            "nothing was sent and nothing drawn by lottery, so this is no proof",
        ),
        thresholds={"anonymous": 1024.0},
    ),
    routes=NATURAL_ROUTES,
    suspects=(
        replace(
            SUSPECTS[0],
            route="GET /leak",
            bytes_per_request=20_100.0,
            bytes_per_request_interval=(19_200.0, 21_000.0),
            site=None,
            library=None,
            stack=(),
            path="site_app.KEPT[*]",
            path_nodes=(
                "site_app (module, +0 per request)",
                ".KEPT (list, +0 per request)",
                "[*] (bytes, +1 per request)",
            ),
            type="bytes",
            confidence="weak",
            reasons=("1 more of them for each of its requests, which nothing shows to have made them",),
            deep_size=None,
            chain=(),
            null_reasons={"site": "allocations are not traced under an app's own traffic; a workload shows the line"},
        ),
    ),
    evidence=(RoundRow(2, Phase.NATURAL, None, 65, 380_000.0, 5846.2),),
    phases=(PhaseSpan(Phase.NATURAL, "its own traffic", 3.0, 123.0),),
    growth=16_320_000,
    series=(series("101@1010", "gunicorn worker 1", 200 * 2**20, 130_000.0, 124.0),),
    caveats=(Caveat("only-observed", "nothing was sent: the app was looked at under its own traffic"),),
    next_command="leakhunt profile --pid 4711 --request 'GET /leak'",
)

NASTY: Final = (
    "<script>alert(1)</script> |x| `code` *b* [link](http://evil) \x1b[31mred\x1b[0m\x07 [bold]rich[/bold] "
    "$a_b^c$ & \"q\" 'a'\nnew line \u202e 课件 {{ 7*7 }}"
)

ATTACHED_REPORT: Final = replace(
    CLEAN,
    name="pid-4711",
    plan=replace(PLAN, target="PID 4711", server=ATTACHED, workers=None),
    already_there=(
        Holding(
            path="courseware.views._THUMBNAILS",
            type="dict",
            workers=2,
            size=524_288_000,
            share=0.89,
            entries=5_000,
            heaviest_path="courseware.views._THUMBNAILS['*']",
            heaviest_type="bytes",
            heaviest_count=5_000,
            growth=12_582_912,
        ),
        Holding(
            path="courseware.sessions.STORE._open",
            type="list",
            workers=1,
            size=41_943_040,
            share=None,
            entries=800,
            heaviest_path="courseware.sessions.STORE._open[*].buffer",
            heaviest_type="bytearray",
            heaviest_count=800,
            dated=800,
            newer=790,
        ),
    ),
)


def nasty() -> Report:
    """Every text that comes from the target says something that could act in some format."""
    frame = Frame(NASTY, 1, NASTY)
    suspect = replace(
        SUSPECTS[1],
        route=NASTY,
        type=NASTY,
        cause="native",
        site=Site(NASTY, 1, NASTY, NASTY),
        library=Library(NASTY, NASTY, NASTY, NASTY),
        stack=(frame,),
        path=NASTY,
        path_nodes=(NASTY,),
        fingerprint=NASTY,
        reasons=(NASTY,),
        chain=(NASTY,),
        advice=NASTY,
    )
    return replace(
        LEAK,
        name=NASTY,
        plan=replace(PLAN, target=NASTY, workload=NASTY, server=NASTY, options={NASTY: NASTY}),
        conditions={NASTY: NASTY},
        judgement=Judgement(Verdict.LEAK, (NASTY,)),
        routes=(replace(LEAKING_ROUTES[0], route=NASTY, steps=(NASTY,), statuses={NASTY: 1}, reasons=(NASTY,)),),
        suspects=(suspect,),
        hotspots=(Hotspot(NASTY, NASTY, 1, NASTY, 1.0, 1.0),),
        workers=(replace(WORKERS[0], name=NASTY, role=NASTY, death=NASTY, key=NASTY),),
        memory=(replace(MEMORY[0], worker=NASTY, name=NASTY),),
        series=(replace(LEAK.series[0], worker=NASTY, name=NASTY),),
        phases=(PhaseSpan(Phase.DOSE, NASTY, 0.0, 30.0),),
        caveats=(Caveat(NASTY, NASTY),),
        already_there=(Holding(NASTY, NASTY, 2, 5, None, 3, NASTY, NASTY, 3, 3, 2, None),),
        next_command=NASTY,
        outcome=NASTY,
        flame=(((frame,), 5.0),),
        route_evidence=(route_evidence(NASTY, 5.0),),
    )


def hollow() -> Report:
    """A full report in which everything that may be missing is missing."""
    return replace(
        _without(LEAK),
        routes=tuple(map(_without, LEAK.routes)),
        suspects=tuple(map(_without, LEAK.suspects)),
        workers=tuple(map(_without, LEAK.workers)),
        memory=tuple(replace(_without(row), parts=tuple(map(_without, row.parts))) for row in LEAK.memory),
        evidence=tuple(map(_without, LEAK.evidence)),
        judgement=_without(LEAK.judgement),
        plan=_without(LEAK.plan),
    )


def _without(noun: Noun) -> Noun:
    missing = {field.name: None for field in fields(noun) if "None" in str(field.type)}
    empty: dict[str, dict[str, str]] = {name: {} for name in ("null_reasons", "options") if hasattr(noun, name)}
    return replace(noun, **missing, **empty)  # type: ignore[arg-type]  # names come from the noun itself


SAMPLES: Final = {
    "leak": LEAK,
    "clean": CLEAN,
    "bounded": BOUNDED,
    "inconclusive": INCONCLUSIVE,
    "truncated": TRUNCATED,
    "watched": WATCHED_REPORT,
    "natural": NATURAL_REPORT,
    "attached": ATTACHED_REPORT,
}
