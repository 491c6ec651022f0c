from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.hunt import experiment, quiet
from leakhunt.hunt import samples as samples_module
from unit.hunt.bench import Bench, idle_processes


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle processes come to rest at once."""
    monkeypatch.setattr(quiet, "_POLL", 0.001)
    monkeypatch.setattr(experiment, "_SETTLE", 0.0)
    monkeypatch.setattr(experiment, "_SETTLE_MORE", 0.001)
    monkeypatch.setattr(experiment, "_SETTLE_MOST", 0.0025)


@pytest.fixture
def pids() -> Iterator[tuple[int, ...]]:
    """Two processes that do nothing."""
    with idle_processes(2) as found:
        yield found


@pytest.fixture
def bench(tmp_path: Path, pids: tuple[int, ...]) -> Bench:
    return Bench(tmp_path, pids[:1])


@pytest.fixture
def simulated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench on which the kernel, too, sees what requests keep."""
    monkeypatch.setattr(samples_module, "read_memory", bench.target.memory_of)
    return bench
