"""What leakhunt itself cost the target."""

from __future__ import annotations

from leakhunt.errors import AgentError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.run import Cost
from leakhunt.samplers.activity import cpu_of


def measure_cost(rounds: Rounds) -> Cost:
    """Cost so far: processor time of the agents over that of the workers they live in, and the longest pause."""
    agents, workers = 0.0, 0.0
    for link in rounds.serving().values():
        try:
            stats = link.stats()
        except AgentError:
            continue
        agents += stats.cpu
        workers += cpu_of([link.hello.pid])
    return Cost(
        cpu_fraction=agents / workers if workers > 0 else None,
        memory=None,  # what a process would take without an agent cannot be read off one that has it
        longest_pause=rounds.longest_pause,
    )
