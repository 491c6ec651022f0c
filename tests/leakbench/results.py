"""What came of a trial, and the file that keeps it: one line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from leakbench.trial import Key

Outcome = Literal["judged", "failed", "timed out", "no environment"]

PUBLISHED: Final = Path(__file__).with_name("results")
"""Results that the documentation states."""


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


def read_results(path: Path) -> tuple[Result, ...]:
    """The results in a file, the last of each trial; none if there is no file. A line cut short is left out."""
    if not path.exists():
        return ()
    results: dict[Key, Result] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            result = from_json(json.loads(line))
        except json.JSONDecodeError:
            continue  # the runner was killed while it wrote
        results[result.key] = result
    return tuple(results.values())


def append_result(path: Path, result: Result) -> None:
    """Add a line, whole or not at all as far as a killed runner allows, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn and path.stat().st_size else "") + to_line(result))
        file.flush()
        os.fsync(file.fileno())


def write_results(path: Path, results: Iterable[Result]) -> None:
    """A whole file anew, in the order of the trials."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(map(to_line, sorted(results, key=lambda result: result.key))), encoding="utf-8")


def to_line(result: Result) -> str:
    """One line of JSON."""
    return json.dumps(asdict(result), separators=(",", ":")) + "\n"


def from_json(data: Mapping[str, Any]) -> Result:
    """What `to_line` wrote."""
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
