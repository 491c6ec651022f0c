"""What leakhunt itself cost the target."""

from __future__ import annotations

from leakhunt.errors import AgentError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.run import Cost
from leakhunt.samplers.activity import cpu_of
from leakhunt.units import Bytes


def measure_cost(rounds: Rounds) -> Cost:
    """Cost so far: processor time of the agents over that of the workers they live in, memory, pause."""
    agents, workers = 0.0, 0.0
    memory: list[Bytes] = []
    for link in rounds.serving().values():
        try:
            stats = link.stats()
        except AgentError:
            continue
        agents += stats.cpu
        workers += cpu_of([link.hello.pid])
        memory.append(stats.memory)
    return Cost(
        cpu_fraction=agents / workers if workers > 0 else None,
        memory=max(memory, default=None),
        longest_pause=rounds.longest_pause,
        child_memory=rounds.child_memory,
    )
