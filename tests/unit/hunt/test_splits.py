from __future__ import annotations

from collections.abc import Mapping

import pytest

from leakhunt.hunt import splits
from leakhunt.hunt.splits import read_splits, try_trim
from leakhunt.model.run import Phase
from leakhunt.model.split import MALLOC_FREE, OBJECTS, Layout, MemorySplit
from unit.hunt.bench import Bench

MIB = 2**20


@pytest.fixture
def pair(tmp_path, pids) -> Bench:  # type: ignore[no-untyped-def]
    """Two workers that have had a round."""
    bench = Bench(tmp_path, pids)
    bench.rounds.run(Phase.BASELINE, {})
    return bench


def reads(monkeypatch: pytest.MonkeyPatch, *levels: Mapping[str, int]) -> None:
    """Have the kernel show these in turn for every worker."""
    left: dict[str, list[Mapping[str, int]]] = {}

    def read(pid: int, worker: str, round_: int, layout: Layout) -> MemorySplit:
        parts = left.setdefault(worker, list(levels)).pop(0)
        return MemorySplit(worker, round_, sum(parts.values()), parts, {}, layout.allocator, layout.pymalloc)

    monkeypatch.setattr(splits, "read_split", read)


def test_every_worker_is_divided_as_of_the_last_round(pair: Bench) -> None:
    read_splits(pair.rounds)
    found = pair.run.splits
    assert {split.worker for split in found} == set(pair.target.agents)
    assert {split.round for split in found} == {pair.run.rounds[-1].index}
    assert all(split.rss == sum(split.parts.values()) > 0 for split in found)


def test_an_agent_that_refuses_is_a_caveat(pair: Bench) -> None:
    one, other = pair.target.agents.values()
    one.refuses = frozenset({"layout"})
    read_splits(pair.rounds)
    assert [split.worker for split in pair.run.splits] == [other.key]
    assert "it would rather not" in pair.caveats["split-unread"]


def test_free_lists_that_grew_are_trimmed_once_and_looked_at_again(
    pair: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(monkeypatch, {MALLOC_FREE: MIB}, {MALLOC_FREE: 9 * MIB}, {MALLOC_FREE: 2 * MIB})
    read_splits(pair.rounds)
    read_splits(pair.rounds)
    try_trim(pair.rounds)
    assert [split.trimmed for split in pair.run.splits] == [False] * 4 + [True] * 2
    assert [split.parts[MALLOC_FREE] for split in pair.run.splits[-2:]] == [2 * MIB] * 2
    assert sum(line.startswith("trim ") for line in pair.target.log) == 2


def test_nothing_is_trimmed_where_they_did_not_grow(pair: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(monkeypatch, {MALLOC_FREE: MIB, OBJECTS: 1}, {MALLOC_FREE: MIB, OBJECTS: 50 * MIB})
    read_splits(pair.rounds)
    read_splits(pair.rounds)
    try_trim(pair.rounds)
    assert not any(line.startswith("trim ") for line in pair.target.log)
    assert len(pair.run.splits) == 4
