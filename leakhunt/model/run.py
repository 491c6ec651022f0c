"""The recorded run: observations only, in the order they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from leakhunt.model.calls import CallTable
from leakhunt.model.measurement import PeakSample, RequestRecord, Sample, TimelinePoint
from leakhunt.model.snapshot import Container, Snapshot
from leakhunt.model.split import MemorySplit
from leakhunt.units import Bytes, Seconds

BACKGROUND: Final = "background"
"""Stands where a step or a route would, for what grows with time and not with requests."""
OWN_COMMAND: Final = "own command"
"""`Plan.server` where the user gave the command that serves."""
WATCHED: Final = "none, watched from outside"
"""`Plan.workload` of what `leakhunt watch` has recorded: readings of memory, and no requests of leakhunt's."""
NATURAL: Final = "none, its own traffic"
"""`Plan.workload` where nothing was sent: what the app served meanwhile was counted."""
ALL_TRAFFIC: Final = "all traffic"
"""Stands where a route would, for growth that could not be told to come with requests of any one of them."""
ATTACHED: Final = "already running"
"""`Plan.server` where leakhunt attached to a process."""
EFFORT: Final = "effort"
"""The option of a plan that says how much proof was asked for, where it is not the usual."""


class Effort(str, Enum):
    """How much proof a run looks for before it stops."""

    QUICK = "quick"
    """The first evidence is enough; the verdict is provisional."""
    NORMAL = "normal"
    STRICT = "strict"
    """Several times as many requests as usual, for as long as the time budget lasts."""


class Phase(str, Enum):
    """What a round was for."""

    ARRIVAL = "arrival"
    """No request of ours yet: what a process that ran before had when leakhunt came."""
    WARM_UP = "warm-up"
    BASELINE = "baseline"
    DOSE = "dose"
    """Verdict rounds: every route's number of requests drawn by lottery."""
    REPEATED = "repeated"
    """Like DOSE, with the same names and contents in every request."""
    SETTLE = "settle"
    IDLE = "idle"
    """Nothing is requested for a number of seconds drawn by lottery: what grows then grows with time."""
    COLLECT = "collect"
    """One collection of garbage, forced after everything else has settled, where the app does without."""
    PEAK = "peak"
    EXPLAIN = "explain"
    """One route alone, allocations traced, a snapshot at the end."""
    CALLS = "calls"
    """One route alone, memory read around what leads into extensions."""
    NATURAL = "natural"
    """Some seconds of the app's own traffic, in which nothing was chosen."""


class Role(str, Enum):
    """What a process of the target's tree is there for."""

    WORKER = "worker"
    """Serves requests."""
    MASTER = "master"
    """Supervises workers."""
    COMPANION = "companion"
    """Started by the workload beside the target: a Celery worker, a broker."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for. Secrets are gone: values of `--env`, passwords, headers that authorise, query values."""

    target: str
    """As typed: `courseware.wsgi:application`, or the command joined by blanks."""
    workload: str
    """Where the workload came from: a file name, `command line`, `pyproject.toml`."""
    server: str
    seed: int
    concurrency: int
    workers: int | None = None
    threads: int | None = None
    max_requests: int | None = None
    """`--requests`: an upper bound for all rounds together."""
    memory_limit: Bytes | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """Everything else worth repeating in a report, already as text."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One life of one process. A recycled worker is a new one."""

    key: str
    """`<pid>@<start time in clock ticks>`: unique even when the kernel uses a pid again."""
    pid: int
    parent: int
    role: Role
    name: str
    """`gunicorn worker 2`, `celery`: what a person would call it."""
    born: Seconds
    """Since the start of the run; negative if it was there before."""
    died: Seconds | None = None
    death: str | None = None
    """How it ended, if it ended before the run did: `recycled`, `killed by SIGKILL`, `exit code 3`."""
    python: str | None = None
    """Version of its interpreter, `3.11.7`."""


@dataclass(frozen=True, slots=True)
class Round:
    """One burst of requests and the samples taken once it had come to rest."""

    index: int
    phase: Phase
    started: Seconds
    ended: Seconds
    doses: Mapping[str, int] = field(default_factory=dict)
    """Requests asked for, by step."""
    block: int | None = None
    """Number of the block of verdict rounds it belongs to, from 0."""
    alone: str | None = None
    """The step that ran alone, or BACKGROUND where nothing did."""
    inputs: str = "distinct"
    """`distinct` or `repeated` names and contents."""
    samples: tuple[Sample, ...] = ()
    temp_files: int | None = None
    """Files of the target's user in its directory for temporary files, deleted but open ones included."""
    disk_free: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Caveat:
    """A recorded reason to trust the run less."""

    code: str
    """Stable and short: `stdlib-server`, `worker-died`."""
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What leakhunt itself cost the target and the machine."""

    cpu_fraction: float | None
    """CPU of the agent and the snapshot children over the CPU of the target."""
    memory: Bytes | None
    """Memory the agent added to one worker."""
    longest_pause: Seconds | None
    """Longest time the app stood still for a snapshot."""
    child_memory: Bytes | None = None
    """Most memory that a snapshot child has copied and taken while it walked the heap; given back when it ended."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that was observed, as read back from `run.sqlite`."""

    name: str
    started_at: str
    """UTC, ISO 8601."""
    leakhunt: str
    """Version that recorded it."""
    plan: Plan
    conditions: Mapping[str, str]
    """The machine and the target: kernel, cores, memory, interpreter, server, packages that matter."""
    routes: Mapping[str, str]
    """Step name -> route (`POST /lessons/<int:pk>/video/`)."""
    workers: tuple[Worker, ...]
    rounds: tuple[Round, ...]
    requests: tuple[RequestRecord, ...]
    timeline: tuple[TimelinePoint, ...]
    peaks: tuple[PeakSample, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    containers: tuple[Container, ...] = ()
    calls: tuple[CallTable, ...] = ()
    splits: tuple[MemorySplit, ...] = ()
    """What memory was made of, at the baseline and at the end."""
    caveats: tuple[Caveat, ...] = ()
    cost: Cost | None = None
    outcome: str | None = None
    """None while recording or if leakhunt was killed; else `complete`, `interrupted`, or why it stopped."""
