"""What analysis makes of a run, and all that a report may show. Reports never compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from leakhunt.model.reproduction import Reproduction
from leakhunt.model.run import Caveat, Cost, Phase, Plan
from leakhunt.model.snapshot import Frame
from leakhunt.units import Bytes, Seconds

Interval: TypeAlias = tuple[float, float]
"""Low and high end at 99 %."""


class Verdict(str, Enum):
    """The words a judgement may use."""

    CLEAN = "CLEAN"
    LEAK = "LEAK"
    BOUNDED = "BOUNDED"
    INCONCLUSIVE = "INCONCLUSIVE"
    SUSPECTED = "SUSPECTED"
    """Memory rose while it was watched. Nothing was drawn by lottery, so nothing is proven."""
    NOT_SEEN = "NOT_SEEN"
    """No growth was seen while it was watched, which rules none out."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and what it rests on."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """One sentence each, the weightiest first."""
    provisional: bool = False
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Growth per request below which a signal is no leak, by signal."""
    minimum_detectable: float | None = None
    """Bytes per request: the smallest leak on any route that this run would have seen."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How much one signal grew per request of one route."""

    signal: str
    """`live`, `blocks`, `anonymous`, `threads`, `descriptors`, `temp_files`."""
    per_request: float
    interval: Interval
    p_value: float | None
    """Of the permutation test on the route's own lottery; None where no lottery was held."""


@dataclass(frozen=True, slots=True)
class RouteReport:
    """One row of the per-route table."""

    route: str
    steps: tuple[str, ...]
    requests: int
    unexpected: int
    statuses: Mapping[str, int]
    """How often each status came; `no response` for none."""
    verdict: Verdict
    reasons: tuple[str, ...]
    bytes_per_request: float | None
    bytes_per_request_interval: Interval | None
    bytes_per_request_basis: str | None
    """`live` or `anonymous`."""
    live_bytes_per_request: float | None
    growths: tuple[Growth, ...]
    peak_bytes_per_request: float | None
    amplification: float | None
    """Peak bytes per uploaded byte."""
    amplification_interval: Interval | None
    minimum_detectable: float | None
    median_duration: Seconds | None
    null_reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a value is None, by field name."""
    signals: tuple[str, ...] = ()
    """Of a leak: what is proven to grow, as in `Growth`, the weightiest first."""


@dataclass(frozen=True, slots=True)
class Site:
    """Innermost frame of the application in an allocating stack."""

    file: str
    line: int
    function: str
    source: str | None = None
    """The line itself, where the file could be read at the time of the analysis."""
    short: str | None = None
    """The file as a person would name it, where that is shorter: from the directory leakhunt was run in."""


@dataclass(frozen=True, slots=True)
class Library:
    """Innermost frame of a library, or the shared object it calls into."""

    package: str
    version: str | None
    file: str
    """Below its library directory: `msgpack/_cmsgpack.cpython-312-x86_64-linux-gnu.so`."""
    function: str
    shared_object: str | None = None
    """The whole path of the file, as the target sees it, where it is a shared object."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something measured to grow: route, size, line and holder in one answer."""

    route: str
    bytes_per_request: float | None
    count_per_request: float | None
    type: str | None
    cause: str
    """`python-objects`, `native`, `threads`, `descriptors`, `temporary-files`, ... : docs/report-schema.md."""
    site: Site | None
    library: Library | None
    stack: tuple[Frame, ...]
    """Innermost frame first."""
    path: str | None
    """Who holds it, reading like Python: `courseware.views._THUMBNAILS['*'].image`."""
    path_nodes: tuple[str, ...]
    """The hops of `path`, root first, each `edge (type, +n per request)`."""
    fingerprint: str
    """Equal for the same bug in another run, on another machine, after lines have shifted."""
    origin: str
    """`application` or `library`."""
    confidence: str
    """`certain` (grew by the same multiple of every dose), `strong`, `weak`."""
    reasons: tuple[str, ...]
    deep_size: Bytes | None = None
    """Size of the holder with all it reaches, at the end of the run."""
    cap: int | None = None
    chain: tuple[str, ...] = ()
    advice: str | None = None
    bytes_per_request_interval: Interval | None = None
    null_reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a value is None, by field name."""
    bytes_per_second: float | None = None
    """In place of the bytes per request, where the route is BACKGROUND."""
    count_per_second: float | None = None
    also_held_by: tuple[str, ...] = ()
    """Paths of other containers that gained as many entries, and so may hold the same objects."""


@dataclass(frozen=True, slots=True)
class BackgroundReport:
    """What grows with time, while nothing is requested; no route is to blame for it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    seconds: Seconds
    """Without load, all idle rounds together."""
    bytes_per_second: float | None
    interval: Interval | None
    """Of the bytes per second."""
    basis: str | None
    """`live` or `anonymous`."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Memory that is no growth of a route, and may end a worker all the same."""

    cause: str
    """`transient-peak`, `copy-on-write` or `allocator-retention`, of the list that suspects use."""
    subject: str
    """The route, or the worker that has most of it."""
    size: Bytes
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Hotspot:
    """One function as in the incident's table: what a request keeps, and what it only uses for a while."""

    function: str
    file: str
    line: int
    route: str
    kept_per_request: float
    blocks_per_request: float
    short: str | None = None
    """As in `Site`."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One row per process life."""

    key: str
    pid: int
    role: str
    name: str
    requests: int | None
    """None where nothing tells which requests it got."""
    rss_start: Bytes | None
    rss_end: Bytes | None
    rss_max: Bytes | None
    uss_end: Bytes | None
    lived: Seconds | None
    death: str | None
    judged: bool
    """False where its life was too short."""


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of a worker's RSS; the names are those of `leakhunt.model.split`."""

    part: str
    start: Bytes | None
    """None where the worker was not there at the baseline."""
    end: Bytes


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """What the memory of one worker is made of."""

    worker: str
    """`Worker.key`."""
    name: str
    pid: int
    allocator: str
    """As in `MemorySplit`."""
    pymalloc: bool
    rss_start: Bytes | None
    rss_end: Bytes
    parts: tuple[MemoryPart, ...]
    """They sum to RSS."""
    unshared: Bytes | None
    """Shared with another process at the baseline and no longer: USS has grown by it, RSS has not."""
    trimmable: Bytes | None
    """What malloc gave back when it was made to; None where there was no need to try."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve of the growth chart."""

    worker: str
    name: str
    times: tuple[Seconds, ...]
    rss: tuple[Bytes, ...]
    uss: tuple[Bytes | None, ...]


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A shaded stretch of the growth chart."""

    phase: Phase
    label: str
    started: Seconds
    ended: Seconds


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Requests of one route in, growth of one signal out."""

    number: int
    """Of the block, counted from 1, or of the round."""
    requests: int
    kept: float
    """In bytes, or as many threads, descriptors or files."""
    per_request: float


@dataclass(frozen=True, slots=True)
class RouteEvidence:
    """Why the growth is put down to a route: more requests keep more, and each the same.

    Other routes got requests in the same rounds; what these keep is taken out.
    """

    route: str
    signal: str
    """As in `Growth`."""
    blocks: tuple[EvidenceRow, ...]
    """One per block in which the route got requests."""
    rounds: tuple[EvidenceRow, ...]
    """Those of the last block, the fewest requests first."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round, all routes together: requests in, bytes kept."""

    index: int
    phase: Phase
    block: int | None
    requests: int
    growth: float | None
    """Growth of the basis signal over all judged workers, in bytes."""
    per_request: float | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holder had below it when leakhunt came to a process that ran before; all workers together."""

    path: str
    """Who holds it: `shop.CACHE`."""
    type: str
    """Type of the holder."""
    workers: int
    """That have it among their largest."""
    size: Bytes
    """Of it and of all that is met first below it, on the shortest ways from the roots."""
    share: float | None
    """Of the live bytes of all workers; None where an allocator does not tell."""
    entries: int
    """Of the holder, where it is a container."""
    heaviest_path: str
    """Where most of these bytes are: `shop.CACHE['*']`."""
    heaviest_type: str
    heaviest_count: int
    """Objects there."""
    dated: int | None = None
    """Entries whose age the collector's lists tell; None where they tell of none."""
    newer: int | None = None
    """Of these, entries in the newer half of all objects. Approximate."""
    growth: Bytes | None = None
    """What has come to it until the last snapshot of the run; None where there was no other."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole answer."""

    schema: int
    name: str
    started_at: str
    leakhunt: str
    duration: Seconds
    plan: Plan
    conditions: Mapping[str, str]
    judgement: Judgement
    routes: tuple[RouteReport, ...]
    suspects: tuple[Suspect, ...]
    hotspots: tuple[Hotspot, ...]
    workers: tuple[WorkerReport, ...]
    series: tuple[Series, ...]
    phases: tuple[PhaseSpan, ...]
    evidence: tuple[RoundRow, ...]
    explained: Bytes | None
    """Growth that the suspects account for, of `growth`."""
    growth: Bytes | None
    """Growth over the verdict rounds, all judged workers together."""
    warm_up_growth: Bytes | None
    """Growth from the first request to the baseline: paid once, not per request."""
    caveats: tuple[Caveat, ...]
    cost: Cost | None
    next_command: str | None
    """What to run next, ready to paste."""
    outcome: str | None
    flame: tuple[tuple[tuple[Frame, ...], float], ...] = ()
    """The allocation flame graph: stacks (innermost frame first) and the bytes each keeps per request."""
    route_evidence: tuple[RouteEvidence, ...] = ()
    """Of every route that is not clean and whose growth can be told from that of the others."""
    memory: tuple[MemoryReport, ...] = ()
    """Of every worker whose memory was divided."""
    hazards: tuple[Hazard, ...] = ()
    background: BackgroundReport | None = None
    """None where memory did not seem to grow at rest, and nobody looked closer."""
    already_there: tuple[Holding, ...] = ()
    """The largest holders of a process that ran before leakhunt came, the largest first."""
    reproductions: tuple[Reproduction, ...] = ()
    """Of leaks whose workload was made as small as it can be."""
