"""How a run lies in its SQLite file: the tables, and how each noun becomes a row and comes back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final, TypeAlias

from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.measurement import HeapUsage, MemoryUsage, Sample
from leakhunt.model.run import Phase, Plan, Role, Round, Worker
from leakhunt.model.snapshot import Age, Container, Frame, PathNode, SiteStat, Snapshot, TypeStat
from leakhunt.model.split import MemorySplit

SCHEMA: Final = 1
"""Raised whenever an older leakhunt would misread the file."""

APPLICATION_ID: Final = 0x4C48554E
"""`LHUN` in the header of the file: tells a run from any other SQLite file."""

Row: TypeAlias = tuple[Any, ...]

TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE plan (target TEXT, workload TEXT, server TEXT, seed INTEGER, concurrency INTEGER, workers INTEGER,
    threads INTEGER, max_requests INTEGER, memory_limit INTEGER);
CREATE TABLE options (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE conditions (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE routes (step TEXT PRIMARY KEY, route TEXT);
CREATE TABLE workers (key TEXT PRIMARY KEY, pid INTEGER, parent INTEGER, role TEXT, name TEXT, born REAL, died REAL,
    death TEXT, python TEXT);
CREATE TABLE rounds (id INTEGER PRIMARY KEY, number INTEGER, phase TEXT, started REAL, ended REAL, block INTEGER,
    alone TEXT, inputs TEXT, temp_files INTEGER, disk_free INTEGER);
CREATE TABLE doses (round INTEGER REFERENCES rounds (id), step TEXT, requests INTEGER);
CREATE TABLE samples (id INTEGER PRIMARY KEY, round INTEGER REFERENCES rounds (id), worker TEXT, time REAL,
    rss INTEGER, uss INTEGER, pss INTEGER, swap INTEGER, anonymous INTEGER,
    blocks INTEGER, pymalloc INTEGER, malloc INTEGER, objects INTEGER, gc_enabled INTEGER,
    cpu REAL, threads INTEGER, descriptors INTEGER);
CREATE TABLE served (sample INTEGER REFERENCES samples (id), route TEXT, requests INTEGER);
CREATE TABLE requests (round INTEGER, step TEXT, status INTEGER, expected INTEGER, sent INTEGER, started REAL,
    duration REAL, retry INTEGER, error TEXT);
CREATE TABLE timeline (worker TEXT, time REAL, rss INTEGER, uss INTEGER);
CREATE TABLE peaks (step TEXT, worker TEXT, uploaded INTEGER, peak INTEGER);
CREATE TABLE snapshots (worker TEXT, round INTEGER, pause REAL, body BLOB);
CREATE TABLE containers (worker TEXT, round INTEGER, path TEXT, type TEXT, length INTEGER, deep_size INTEGER,
    cap INTEGER, cap_source TEXT, chain TEXT, problems TEXT);
CREATE TABLE calls (worker TEXT, round INTEGER, requests INTEGER, body BLOB);
CREATE TABLE splits (worker TEXT, round INTEGER, rss INTEGER, parts TEXT, shared TEXT, allocator TEXT,
    pymalloc INTEGER, uncollectable INTEGER, trimmed INTEGER);
CREATE TABLE caveats (code TEXT, text TEXT);
CREATE TABLE cost (cpu_fraction REAL, memory INTEGER, longest_pause REAL, child_memory INTEGER);
"""

REPLACING: Final = {
    "meta": "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    "conditions": "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    "routes": "ON CONFLICT (step) DO UPDATE SET route = excluded.route",
    "workers": """ON CONFLICT (key) DO UPDATE SET role = excluded.role, name = excluded.name, born = excluded.born,
        died = excluded.died, death = excluded.death, python = excluded.python""",
}
"""What becomes of a row whose key is there already; elsewhere rows are only ever added."""


def storable(row: Row) -> Row:
    """A row as SQLite can hold it: bytes of file names that are not UTF-8 become visible escapes."""
    return tuple(
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value for value in row
    )


def plan_row(p: Plan) -> Row:
    """A plan without its options, which have a table of their own."""
    return (
        *(p.target, p.workload, p.server, p.seed, p.concurrency),
        *(p.workers, p.threads, p.max_requests, p.memory_limit),
    )


def worker_row(w: Worker) -> Row:
    """A worker, its role as a word."""
    return (w.key, w.pid, w.parent, w.role.value, w.name, w.born, w.died, w.death, w.python)


def round_row(r: Round) -> Row:
    """A round without its doses and samples. The file gives it an id."""
    return (None, r.index, r.phase.value, r.started, r.ended, r.block, r.alone, r.inputs, r.temp_files, r.disk_free)


def sample_row(round_id: int, s: Sample) -> Row:
    """A sample without what its worker has served. The file gives it an id."""
    heap = (None,) * 5 if s.heap is None else astuple(s.heap)
    return (None, round_id, s.worker, s.time, *astuple(s.memory), *heap, s.cpu, s.threads, s.descriptors)


def snapshot_row(s: Snapshot) -> Row:
    """A snapshot: worker, round and pause as columns, the heap itself compressed."""
    body = {
        "types": [astuple(stat) for stat in s.types],
        "sites": [astuple(stat) for stat in s.sites],
        # As `astuple` would, which copies deeply and takes ten times as long over tens of thousands of nodes.
        "paths": [(node.parent, node.edge, node.type, node.count, node.size, node.length) for node in s.paths],
        "problems": s.problems,
        "ages": [astuple(age) for age in s.ages],
    }
    return (s.worker, s.round, s.pause, zlib.compress(json.dumps(body, separators=(",", ":")).encode()))


def container_row(container: Container) -> Row:
    """A container, its lists as JSON."""
    *columns, chain, problems = astuple(container)
    return (*columns, json.dumps(chain), json.dumps(problems))


def calls_row(table: CallTable) -> Row:
    """A table of calls, its operations compressed."""
    body = {"operations": [astuple(each) for each in table.operations], "skipped": dict(table.skipped)}
    packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode())
    return (table.worker, table.round, table.requests, packed)


def split_row(s: MemorySplit) -> Row:
    """What the memory of one process is made of, its parts as JSON."""
    parts, shared = json.dumps(dict(s.parts)), json.dumps(dict(s.shared))
    return (s.worker, s.round, s.rss, parts, shared, s.allocator, s.pymalloc, s.uncollectable, s.trimmed)


def to_plan(row: Row, options: Mapping[str, str]) -> Plan:
    """The plan of a row."""
    columns = (*row, options)
    return Plan(*columns)


def to_worker(row: Row) -> Worker:
    """The worker of a row."""
    key, pid, parent, role, *rest = row
    return Worker(key, pid, parent, Role(role), *rest)


def to_round(row: Row, doses: Mapping[str, int], samples: tuple[Sample, ...]) -> Round:
    """The round of a row, with what other tables hold of it."""
    _, index, phase, started, ended, block, alone, inputs, temp_files, disk_free = row
    return Round(
        index=index,
        phase=Phase(phase),
        started=started,
        ended=ended,
        doses=doses,
        block=block,
        alone=alone,
        inputs=inputs,
        samples=samples,
        temp_files=temp_files,
        disk_free=disk_free,
    )


def to_sample(row: Row, served: Mapping[str, int]) -> Sample:
    """The sample of a row, with what its worker has served."""
    _, _, worker, time, *rest = row
    memory, (blocks, pymalloc, malloc, objects, enabled), (cpu, threads, descriptors) = rest[:5], rest[5:10], rest[10:]
    # A heap always has its blocks, so a row without them is a sample without a heap.
    heap = None if blocks is None else HeapUsage(blocks, pymalloc, malloc, objects, bool(enabled))
    return Sample(worker, time, MemoryUsage(*memory), heap, cpu, threads, descriptors, served)


def to_snapshot(row: Row) -> Snapshot:
    """The snapshot of a row.

    Raises:
        ValueError, KeyError, TypeError, zlib.error: the row is damaged.
    """
    worker, number, pause, packed = row
    body = json.loads(zlib.decompress(packed))
    return Snapshot(
        worker=worker,
        round=number,
        types=tuple(TypeStat(*stat) for stat in body["types"]),
        sites=tuple(SiteStat(tuple(Frame(*frame) for frame in stack), *rest) for stack, *rest in body["sites"]),
        paths=tuple(PathNode(*node) for node in body["paths"]),
        pause=pause,
        problems=tuple(body["problems"]),
        # The key is younger than the table.
        ages=tuple(Age(*age) for age in body.get("ages", ())),
    )


def to_container(row: Row) -> Container:
    """The container of a row.

    Raises:
        ValueError: the row is damaged.
    """
    *columns, chain, problems = row
    whole = (*columns, tuple(json.loads(chain)), tuple(json.loads(problems)))
    return Container(*whole)


def to_calls(row: Row) -> CallTable:
    """The table of calls of a row.

    Raises:
        ValueError, KeyError, TypeError, zlib.error: the row is damaged.
    """
    worker, number, requests, packed = row
    body = json.loads(zlib.decompress(packed))
    operations = tuple(
        Operation(
            tuple(Frame(*frame) for frame in stack),
            kind,
            tuple(Callee(*callee) for callee in callees),
            tuple((file, function) for file, function in callbacks),
            *rest,
        )
        for stack, kind, callees, callbacks, *rest in body["operations"]
    )
    return CallTable(worker, number, requests, operations, body["skipped"])


def to_split(row: Row) -> MemorySplit:
    """What the memory of one process is made of, of a row.

    Raises:
        ValueError: the row is damaged.
    """
    worker, number, rss, parts, shared, allocator, pymalloc, uncollectable, *trimmed = row
    return MemorySplit(
        worker,
        number,
        rss,
        json.loads(parts),
        json.loads(shared),
        allocator,
        bool(pymalloc),
        uncollectable,
        # The column is younger than the table.
        bool(trimmed and trimmed[0]),
    )
