"""What was seen of a run from outside: the levels of memory at the ends of its rounds, kept when the run is deleted.

The tests that look at a process from outside only (`peers/outside.py`) judge these.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakbench.lines import read_lines
from leakbench.trial import Key, Trial
from leakhunt.errors import LeakhuntError
from leakhunt.model.run import Phase, Role, Run
from leakhunt.runfile import read_run


@dataclass(frozen=True, slots=True)
class Series:
    """Levels of all workers together at the ends of rounds, in bytes."""

    requests: tuple[int, ...]
    """Sent up to then, since the first reading."""
    rss: tuple[int, ...]
    anonymous: tuple[int, ...]
    """Empty where it was not read."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The series of a trial."""

    case: str
    side: str
    seed: int
    trial: str
    """Digest of the trial."""
    series: Series | None
    """None if the run recorded none."""

    @property
    def key(self) -> Key:
        """Of the trial."""
        return self.case, self.side, self.seed


def recorded(trial: Trial, output: Path) -> Recorded:
    """The series of a trial's run. A run that cannot be read has none: it must not cost the result."""
    try:
        series = series_of(read_run(output))
    except (LeakhuntError, OSError):
        series = None
    return Recorded(*trial.key, trial=trial.digest, series=series)


def series_of(run: Run) -> Series:
    """The series of a run: what followed the warm-up and was read without anything that inflates memory."""
    workers = {worker.key for worker in run.workers if worker.role is Role.WORKER}
    requests: list[int] = []
    rss: list[int] = []
    anonymous: list[int | None] = []
    sent = 0
    for each in run.rounds:
        if each.phase not in {Phase.BASELINE, Phase.DOSE}:
            continue
        samples = [sample for sample in each.samples if sample.worker in workers]
        sent += sum(each.doses.values()) if requests else 0
        if samples:
            levels = [sample.memory.anonymous for sample in samples]
            requests.append(sent)
            rss.append(sum(sample.memory.rss for sample in samples))
            anonymous.append(None if None in levels else sum(level or 0 for level in levels))
    whole = tuple(level for level in anonymous if level is not None)
    return Series(tuple(requests), tuple(rss), whole if len(whole) == len(anonymous) else ())


def read_series(path: Path) -> dict[Key, Recorded]:
    """The series in a file, the last of each trial."""
    found = (_from_json(data) for data in read_lines(path))
    return {each.key: each for each in found}


def _from_json(data: dict[str, Any]) -> Recorded:
    series = data.pop("series")
    levels = None if series is None else Series(**{name: tuple(values) for name, values in series.items()})
    return Recorded(**data, series=levels)
