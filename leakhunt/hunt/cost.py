"""What leakhunt itself cost the target."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from leakhunt.errors import AgentError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.run import Cost
from leakhunt.samplers.activity import cpu_of
from leakhunt.units import Bytes, Seconds


def measure_cost(rounds: Rounds, before: Mapping[int, Seconds] = MappingProxyType({})) -> Cost:
    """Cost so far: processor time of the agents over that of the workers they live in, memory, pause.

    `before` is the processor time, by pid, that workers had used when the run began.
    """
    agents, workers = 0.0, 0.0
    memory: list[Bytes] = []
    for link in rounds.serving().values():
        try:
            stats = link.stats()
        except AgentError:
            continue
        agents += stats.cpu
        workers += cpu_of([link.hello.pid]) - before.get(link.hello.pid, 0.0)
        memory.append(stats.memory)
    return Cost(
        cpu_fraction=agents / workers if workers > 0 else None,
        memory=max(memory, default=None),
        longest_pause=rounds.longest_pause,
        child_memory=rounds.child_memory,
    )
