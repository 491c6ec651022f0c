"""What the memory of each worker was made of, at the baseline and at the end, and what grew in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leakhunt.model.report import MemoryPart, MemoryReport
from leakhunt.model.run import Run
from leakhunt.model.split import PARTS, SHARED, MemorySplit
from leakhunt.units import Bytes


def memory_reports(run: Run) -> tuple[MemoryReport, ...]:
    """One for each process whose memory was divided, in the order in which they were first seen."""
    by_worker: dict[str, list[MemorySplit]] = {}
    for split in run.splits:
        by_worker.setdefault(split.worker, []).append(split)
    return tuple(_report(run, worker, splits) for worker, splits in by_worker.items())


def unshared_parts(split: MemorySplit, before: MemorySplit | None = None) -> Mapping[str, Bytes]:
    """Each part less what another process shares of it, and that as a part of its own; they sum to RSS.

    Where the allocator's blocks were not found, nobody knows which parts the shared pages belong to. They were there
    at the fork, so they are left where an earlier split has put them: what has grown since is not shared.
    """
    shared = dict(split.shared)
    if before is not None and split.allocator != "glibc" and before.shared:
        left = sum(shared.values())
        for name in sorted(PARTS, key=lambda name: -before.shared.get(name, 0)):
            shared[name] = min(left, split.parts.get(name, 0), before.shared.get(name, 0))
            left -= shared[name]
        # Less than before only where a part has become smaller: then another one has it.
        for name in PARTS:
            more = min(left, split.parts.get(name, 0) - shared[name])
            shared[name] += more
            left -= more
    parts = {name: split.parts.get(name, 0) - shared.get(name, 0) for name in PARTS}
    return {**parts, SHARED: sum(shared.values())}


def _report(run: Run, key: str, splits: Sequence[MemorySplit]) -> MemoryReport:
    plain = [split for split in splits if not split.trimmed]
    last, first = plain[-1], plain[0] if len(plain) > 1 else None
    before, after = unshared_parts(first) if first else {}, unshared_parts(last, first)
    name, pid = next(((life.name, life.pid) for life in run.workers if life.key == key), (key, 0))
    return MemoryReport(
        worker=key,
        name=name,
        pid=pid,
        allocator=last.allocator,
        pymalloc=last.pymalloc,
        rss_start=first.rss if first else None,
        rss_end=last.rss,
        parts=tuple(MemoryPart(part, before.get(part), size) for part, size in after.items()),
        unshared=_unshared(run, first, last) if first else None,
        trimmable=next((max(0, last.rss - split.rss) for split in splits if split.trimmed), None),
    )


def _unshared(run: Run, first: MemorySplit, last: MemorySplit) -> Bytes:
    """Pages shared since a fork that were written to: USS grows by them and RSS does not.

    Memory that is given back, or whose other owner ends, is not shared any more either; so no more than USS has grown.
    """
    levels = {
        round_.index: sample.memory.uss
        for round_ in run.rounds
        for sample in round_.samples
        if sample.worker == last.worker and sample.memory.uss is not None
    }
    less = sum(first.shared.values()) - sum(last.shared.values())
    grown = levels.get(last.round, 0) - levels.get(first.round, 0)
    return max(0, min(less, grown))
