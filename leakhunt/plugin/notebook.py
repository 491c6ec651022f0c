"""The run of a check as it is recorded: in memory, since it is judged at once and then forgotten."""

from __future__ import annotations

from datetime import datetime, timezone

import leakhunt
from leakhunt.model.measurement import PeakSample, RequestRecord
from leakhunt.model.run import Caveat, Plan, Round, Run, Worker
from leakhunt.model.snapshot import Container, Snapshot


class Notebook:
    """Everything observed so far."""

    def __init__(self, plan: Plan, step: str, worker: Worker, directory: str) -> None:
        self._plan, self._step, self._worker, self._directory = plan, step, worker, directory
        self._began = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._rounds: list[Round] = []
        self._calls: list[RequestRecord] = []
        self._caveats: dict[str, Caveat] = {}
        self.peaks: list[PeakSample] = []
        self.snapshots: list[Snapshot] = []
        self.containers: list[Container] = []

    @property
    def next_index(self) -> int:
        """Of the round to come."""
        return len(self._rounds)

    def round(self, done: Round, calls: RequestRecord) -> None:
        """A finished round, and one record that stands for its calls: only their usual duration is of use."""
        self._rounds.append(done)
        self._calls.append(calls)

    def caveat(self, code: str, text: str) -> None:
        """A reason to trust the run less; recorded once."""
        self._caveats.setdefault(f"{code}\n{text}", Caveat(code, text))

    def run(self) -> Run:
        """The run as recorded up to now."""
        return Run(
            name=self._step,
            started_at=self._began,
            leakhunt=leakhunt.__version__,
            plan=self._plan,
            conditions={"directory": self._directory, "python": self._worker.python or ""},
            routes={self._step: self._step},
            workers=(self._worker,),
            rounds=tuple(self._rounds),
            requests=tuple(self._calls),
            timeline=(),
            peaks=tuple(self.peaks),
            snapshots=tuple(self.snapshots),
            containers=tuple(self.containers),
            caveats=tuple(self._caveats.values()),
            outcome="complete",
        )
