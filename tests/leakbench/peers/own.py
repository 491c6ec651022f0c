"""leakhunt's own results, which the peers are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leakbench.peers.run import REQUESTS
from leakbench.results import Result, published, published_series, read_results
from leakbench.runner import Bench, Code
from leakbench.series import Recorded, read_series
from leakbench.trial import Key, Trial


@dataclass(frozen=True, slots=True)
class Own:
    """What leakhunt said, and what its runs looked like from outside."""

    results: Mapping[Key, Result]
    series: Mapping[Key, Recorded]

    def requests(self, trial: Trial) -> int:
        """How many requests it sent itself; a round number where it has no answer to the trial as it is now."""
        result = self.results.get(trial.key)
        return requests_of(result) if result and result.trial == trial.digest else REQUESTS

    def over(self, other: Own) -> Own:
        """These, and the other ones where there are none. Result and series of a trial are of the same run."""
        rest = {key: series for key, series in other.series.items() if key not in self.results}
        return Own({**other.results, **self.results}, {**rest, **self.series})


def requests_of(result: Result) -> int:
    """How many requests every peer gets, too."""
    return result.answer.requests if result.answer else REQUESTS


def read_own(results: Path, series: Path) -> Own:
    """What two files hold."""
    return Own({result.key: result for result in read_results(results)}, read_series(series))


def published_own() -> Own:
    """What the documentation states."""
    both = (read_own(published(held_out=part), published_series(held_out=part)) for part in (False, True))
    return next(both).over(next(both))


def all_own(code: Code, bench: Bench) -> Own:
    """What the documentation states, and where it states nothing what this code has so far."""
    return published_own().over(read_own(bench.store(code), bench.series_store(code)))
