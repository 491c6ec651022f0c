"""What came of a trial, and the file that keeps it: one line of JSON each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from leakbench.lines import read_lines
from leakbench.trial import Key

Outcome = Literal["judged", "failed", "timed out", "no environment"]

PUBLISHED: Final = Path(__file__).with_name("results")
"""Directory of the results that the documentation states."""


@dataclass(frozen=True, slots=True)
class Accused:
    """One suspect of a report, as far as it is compared with the truth."""

    cause: str
    type: str | None
    site: str | None
    """`app.py:7:application`: file, line and function."""
    library: str | None
    """`msgpack/_cmsgpack.cpython-312-x86_64-linux-gnu.so:Unpacker.__next__`: file and function."""
    package: str | None
    """`msgpack 1.0.7`."""
    path: str | None
    cap: int | None
    bytes_per_request: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a report says."""

    verdict: str
    reasons: tuple[str, ...]
    suspects: tuple[Accused, ...]
    bytes_per_request: float | None
    interval: tuple[float | None, float | None] | None
    """At 99 %."""
    basis: str | None
    """What memory was measured by: `live` or `anonymous`."""
    growths: Mapping[str, float]
    """Of every signal, per request, on the route that grows most."""
    minimum_detectable: float | None
    rounds: int
    """Verdict rounds."""
    requests: int
    seconds_to_verdict: float | None
    """From the start of the run to the end of the verdict rounds."""
    server: str
    python: str
    unexplained: float | None
    """Share of the RSS that the memory split leaves unexplained at the end, of the worst worker."""
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial. One that crashed or did not end is a result, too."""

    case: str
    side: str
    seed: int
    trial: str
    """Digest of the trial."""
    code: str
    """Digest of leakhunt's code."""
    commit: str
    leakhunt: str
    started_at: str
    seconds: float
    """Of the whole run: starting, judging, explaining, reporting."""
    outcome: Outcome
    exit_code: int | None
    error: str | None
    answer: Answer | None

    @property
    def key(self) -> Key:
        """Of the trial."""
        return self.case, self.side, self.seed

    @property
    def verdict(self) -> str | None:
        """None where there is none, for whatever reason."""
        return self.answer.verdict if self.answer else None


def published(*, held_out: bool) -> Path:
    """The file with the results that the documentation states."""
    return PUBLISHED / ("held-out.jsonl" if held_out else "results.jsonl")


def published_series(*, held_out: bool) -> Path:
    """The file with what those runs looked like from outside."""
    return PUBLISHED / ("held-out-series.jsonl" if held_out else "series.jsonl")


def read_results(path: Path) -> tuple[Result, ...]:
    """The results in a file, the last of each trial."""
    found = (from_json(data) for data in read_lines(path))
    return tuple({result.key: result for result in found}.values())


def from_json(data: Mapping[str, Any]) -> Result:
    """What a line of such a file says."""
    answer = data["answer"]
    return Result(**{**data, "answer": None if answer is None else _answer(answer)})


def _answer(data: Mapping[str, Any]) -> Answer:
    interval = data["interval"]
    changed = {
        "reasons": tuple(data["reasons"]),
        "suspects": tuple(Accused(**suspect) for suspect in data["suspects"]),
        "interval": None if interval is None else (interval[0], interval[1]),
        "caveats": tuple(data["caveats"]),
    }
    return Answer(**{**data, **changed})
