"""One reading of one process: what is read from outside, and what its agent has told."""

from __future__ import annotations

from collections.abc import Callable

from leakhunt.model.measurement import HeapUsage, Sample
from leakhunt.model.run import Worker
from leakhunt.samplers.activity import read_activity
from leakhunt.samplers.memory import read_memory
from leakhunt.targets.answers import AgentStats
from leakhunt.units import Seconds


def take_sample(
    worker: Worker, clock: Callable[[], Seconds], stats: AgentStats | None, heap: HeapUsage | None
) -> Sample:
    """Memory and activity of a process now; `stats` and `heap` are None where no agent tells them."""
    memory, activity = read_memory(worker.pid), read_activity(worker.pid)
    return Sample(
        worker=worker.key,
        time=clock(),
        memory=memory,
        heap=heap,
        cpu=activity.cpu,
        threads=activity.threads,
        descriptors=activity.descriptors,
        served=dict(stats.served) if stats is not None else {},
    )
