"""What is replayed: the frozen nouns of a workload. They hold what was asked for and nothing about how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from leakhunt.units import Bytes, Seconds

Inputs: TypeAlias = Literal["distinct", "repeated"]
Fault: TypeAlias = Literal["malformed", "truncated", "disconnect"]

INPUTS: Final[tuple[Inputs, ...]] = ("distinct", "repeated")
FAULTS: Final[tuple[Fault, ...]] = ("malformed", "truncated", "disconnect")
DEFAULT_TIMEOUT: Final[Seconds] = 120.0


@dataclass(frozen=True, slots=True)
class SizeRange:
    """A size to draw from, both ends included; an exact size has `low == high`."""

    low: Bytes
    high: Bytes


@dataclass(frozen=True, slots=True)
class FilePart:
    """One generated file of a multipart upload."""

    field: str
    kind: str
    """A name of `payloads.kinds.KINDS`: `image`, `image/png`, `image/jpeg`, `video`, `document`, `random`."""
    size: SizeRange
    megapixels: float = 2.0
    """Most real pixels an image has, in millions; the rest of its size is padding."""
    name: str | None = None
    """File name with placeholders; None for `<kind>-{n}` and the kind's extension."""
    contents: Inputs = "distinct"
    """`repeated`: the same bytes in every request, even where names differ; else as the inputs of the request."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Which answers to a request are a success."""

    statuses: tuple[int, ...] = ()
    """Exactly these, or any 2xx if empty."""
    also: tuple[int, ...] = ()
    """Accepted besides `statuses`."""
    dropped: bool = False
    """Whether a connection without an answer is a success."""

    def accepts(self, status: int | None) -> bool:
        """Whether `status` (None: no answer came) is a success. A redirect is one only if it is listed."""
        if status is None:
            return self.dropped
        if status in self.also:
            return True
        return status in self.statuses if self.statuses else 200 <= status < 300


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of request. Texts may hold the placeholders `{n}` and `{seed}`."""

    name: str
    method: str
    path: str
    """Path and query, starting with a slash."""
    weight: float = 1.0
    """Share of the requests where only their total is given."""
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    json: object | None = None
    """What the JSON body is made from; None for no JSON body."""
    body: bytes | None = None
    """A body sent as it is but for placeholders."""
    files: tuple[FilePart, ...] = ()
    expect: Expect = Expect()
    think: Seconds = 0.0
    """Pause of the user before the request."""
    retries: int = 0
    """How often an impatient user tries again, at once, after an answer that is not expected."""
    timeout: Seconds = DEFAULT_TIMEOUT
    """Longest wait without progress."""
    once: bool = False
    """Sent once, before everything else, and never counted into a dose."""
    fault: Fault | None = None
    """How the request goes wrong on purpose."""

    @property
    def has_body(self) -> bool:
        """Whether the request carries a body."""
        return bool(self.files or self.form) or self.json is not None or self.body is not None


@dataclass(frozen=True, slots=True)
class Login:
    """How the simulated user signs in before the first step."""

    path: str
    form: Mapping[str, str] = field(default_factory=dict)
    """Fields posted to `path`; if empty the page is only fetched, for its cookies."""
    csrf: Literal["django"] | None = None
    """`django`: fetch the page first, and send its token with the form and every unsafe request."""
    expect: tuple[int, ...] = ()
    """Statuses of a successful sign-in; empty for a redirect away from `path`, or any 2xx where `csrf` is not set."""


@dataclass(frozen=True, slots=True)
class Ready:
    """How to tell that a companion is ready: exactly one of the three, or none for `as soon as it runs`."""

    log: str | None = None
    """A text that appears in its output."""
    command: tuple[str, ...] | None = None
    """A command that exits 0."""
    url: str | None = None
    """A URL that answers."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A process that runs beside the target and is measured with it: a Celery worker, a broker."""

    name: str
    command: tuple[str, ...]
    ready: Ready = Ready()


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that is replayed, and what has to be there before. Step names are unique."""

    source: str
    """Where it came from: a file name as typed, or `command line`."""
    steps: tuple[Step, ...]
    concurrency: int | None = None
    inputs: Inputs = "distinct"
    """`repeated`: the same names and contents in every request, of the whole experiment."""
    login: Login | None = None
    setup: tuple[tuple[str, ...], ...] = ()
    """Commands run before the target starts; `{python}` and `{launch_dir}` are filled in by the launch."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment of the target, its setup commands and companions; `{launch_dir}` as in `setup`."""
    companions: tuple[Companion, ...] = ()

    @property
    def dosed(self) -> tuple[Step, ...]:
        """Steps that take part in the experiment: all but those sent once."""
        return tuple(step for step in self.steps if not step.once)

    def step(self, name: str) -> Step:
        """The step called `name`.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
