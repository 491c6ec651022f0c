"""The table of process lives."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.analysis.series import Ledger
from leakhunt.model.measurement import Sample
from leakhunt.model.report import WorkerReport
from leakhunt.model.run import WATCHED, Role, Run, Worker


def worker_reports(run: Run, ledger: Ledger) -> tuple[WorkerReport, ...]:
    """One row per process life, in the order of birth."""
    return tuple(_row(run, ledger, worker) for worker in sorted(run.workers, key=lambda worker: worker.born))


def _row(run: Run, ledger: Ledger, worker: Worker) -> WorkerReport:
    samples = [s for round_ in run.rounds for s in round_.samples if s.worker == worker.key]
    levels = [s.memory.rss for s in samples]
    points = [point for point in run.timeline if point.worker == worker.key]
    charted = [point.rss for point in points]
    if run.plan.workload == WATCHED:
        levels = charted  # there are no samples: nothing came to rest
    return WorkerReport(
        key=worker.key,
        pid=worker.pid,
        role=worker.role.value,
        name=worker.name,
        requests=_requests(run, ledger, worker, samples),
        rss_start=levels[0] if levels else None,
        rss_end=levels[-1] if levels else None,
        rss_max=max(levels + charted, default=None),
        uss_end=samples[-1].memory.uss if samples else points[-1].uss if levels else None,
        lived=worker.died - worker.born if worker.died is not None else None,
        death=worker.death,
        judged=worker.key in ledger.judged,
    )


def _requests(run: Run, ledger: Ledger, worker: Worker, samples: Sequence[Sample]) -> int | None:
    """How many requests it served; None where nothing tells."""
    if run.plan.workload == WATCHED:
        return None
    served = max((sum(sample.served.values()) for sample in samples), default=0)
    if served or worker.role is not Role.WORKER:
        return served
    if _marked(run):
        # An agent that was asked and has counted nothing says so; a life between two samples says nothing.
        return 0 if any(sample.heap is not None for sample in samples) else None
    if not ledger.split_known:
        return None
    # Without route marks a single process got whatever was sent while it lived.
    end = worker.died if worker.died is not None else float("inf")
    return sum(worker.born <= record.started < end for record in run.requests)


def _marked(run: Run) -> bool:
    """Whether an agent has counted requests in any process."""
    return any(sample.served for round_ in run.rounds for sample in round_.samples)
