"""What the memory of each worker is made of, at the few moments at which that is worth what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.hunt.recorder import Recorder
from leakhunt.model.run import Phase, Role, Worker
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.split import read_split
from leakhunt.targets.hub import AgentLink
from leakhunt.units import Seconds

PHASES: Final = frozenset({Phase.BASELINE, Phase.SETTLE})
"""After rounds of these phases memory is split: before and after the growth."""


def record_splits(
    recorder: Recorder, workers: Iterable[Worker], links: Mapping[str, AgentLink], round_: int
) -> Seconds:
    """Split and record every serving worker; the longest time that one of them stood still for it."""
    longest = 0.0
    for worker in workers:
        link = links.get(worker.key)
        if link is None or worker.role is not Role.WORKER:
            continue
        try:
            layout, pause = link.layout()
            longest = max(longest, pause)
            recorder.split(read_split(worker.pid, worker.key, round_, layout))
        except ProcessGone:
            continue
        except (AgentError, OSError) as error:
            recorder.caveat("split-unread", f"What the memory of {worker.name} is made of could not be read: {error}")
    return longest
