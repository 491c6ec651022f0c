"""Coming and going, and being killed at any moment, while a worker is busy: a small part of what the benchmark does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from attach_trials import kill_controller, kill_helper, visit
from busy_worker import busy_worker
from leakhunt.targets.hub import AgentHub


def test_a_busy_worker_loses_nothing_by_visits(hub: AgentHub, place: Path) -> None:
    with busy_worker(place) as worker:
        before = worker.state()
        assert before["problems"] == []
        for _ in range(3):
            assert visit(worker, hub, before).wrong == []
        assert len(worker.traffic.done) > 0


@pytest.mark.slow
def test_a_busy_worker_loses_nothing_by_controllers_that_are_killed(hub: AgentHub, place: Path) -> None:
    chance = random.Random(7)
    with busy_worker(place) as worker:
        for _ in range(2):
            _, later = kill_controller(worker, place, hub, chance)
            assert later.wrong == []
        _, later = kill_helper(worker, place, hub, chance)
        assert later.wrong == []
