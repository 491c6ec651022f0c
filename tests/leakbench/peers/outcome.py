"""What came of one peer on one trial, and the file that keeps it: one line of JSON each."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from leakbench.lines import read_lines, write_lines
from leakbench.results import PUBLISHED as _RESULTS
from leakbench.results import Accused

Kind = Literal["judged", "not applicable", "failed", "timed out"]
Key = tuple[str, str, str, int]
"""Peer, case, side, seed."""

_CLOSE: Final = 0.05
"""Share by which two runs of one seed may differ in requests and still be compared."""
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

    def had(self, requests: int) -> bool:
        """Whether it was sent as many, give or take a few: leakhunt's last rounds end by the clock."""
        return abs(self.requests - requests) <= _CLOSE * requests


def read_outcomes(path: Path) -> dict[Key, Outcome]:
    """The outcomes in a file, the last of each."""
    found = (_from_json(data) for data in read_lines(path))
    return {outcome.key: outcome for outcome in found}


def publish(outcomes: Iterable[Outcome], cases: Container[str], path: Path = PUBLISHED) -> None:
    """Replace what is published of these cases. That of others stays: cases that are set aside are run apart."""
    others = [outcome for outcome in read_outcomes(path).values() if outcome.case not in cases]
    write_lines(path, [*others, *outcomes])


def _from_json(data: dict[str, Any]) -> Outcome:
    suspect = data.pop("suspect")
    return Outcome(**data, suspect=None if suspect is None else Accused(**suspect))
