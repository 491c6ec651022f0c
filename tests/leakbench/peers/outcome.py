"""What came of one peer on one trial, and the file that keeps it: one line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from leakbench.results import PUBLISHED as _RESULTS
from leakbench.results import Accused

Kind = Literal["judged", "not applicable", "failed", "timed out"]
Key = tuple[str, str, str, int]
"""Peer, case, side, seed."""

PUBLISHED: Final = _RESULTS / "peers.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counted whatever it is: a tool that cannot run has found nothing."""

    peer: str
    case: str
    side: str
    seed: int
    trial: str
    """Digest of the trial and of the requests sent."""
    requests: int
    outcome: Kind
    reason: str
    """Why it was not judged."""
    verdict: str | None
    """LEAK or CLEAN: no peer has a third."""
    suspect: Accused | None
    """The first that it names."""
    seconds: float
    """Of the whole run."""
    app_seconds: float | None
    """Spent inside the app."""

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.peer, self.case, self.side, self.seed


def read_outcomes(path: Path) -> dict[Key, Outcome]:
    """The outcomes in a file, the last of each; none if there is no file. A line cut short is left out."""
    found: dict[Key, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            data = json.loads(line)
        except json.JSONDecodeError:
            continue  # the runner was killed while it wrote
        suspect = data.pop("suspect")
        outcome = Outcome(**data, suspect=None if suspect is None else Accused(**suspect))
        found[outcome.key] = outcome
    return found


def append_outcome(path: Path, outcome: Outcome) -> None:
    """Add a line; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + _line(outcome))
        file.flush()
        os.fsync(file.fileno())


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """A whole file anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(map(_line, sorted(outcomes, key=lambda each: each.key))), encoding="utf-8")


def _line(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome), separators=(",", ":")) + "\n"
