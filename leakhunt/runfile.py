"""Write and read a run: one SQLite file in a directory that only its owner may enter.

The file is written round by round, each round in one transaction, so that whatever dies, and however, what was
finished before can be read. It can be read while it is still being written.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Final, final
from urllib.parse import quote

from leakhunt.errors import RunFileError, UsageError
from leakhunt.model.calls import CallTable
from leakhunt.model.measurement import PeakSample, RequestRecord, Sample, TimelinePoint
from leakhunt.model.run import Caveat, Cost, Plan, Round, Run, Worker
from leakhunt.model.snapshot import Container, Snapshot
from leakhunt.model.split import MemorySplit
from leakhunt.runfile_rows import (
    APPLICATION_ID,
    REPLACING,
    SCHEMA,
    TABLES,
    Row,
    calls_row,
    container_row,
    plan_row,
    round_row,
    sample_row,
    snapshot_row,
    split_row,
    storable,
    to_calls,
    to_container,
    to_plan,
    to_round,
    to_sample,
    to_snapshot,
    to_split,
    to_worker,
    worker_row,
)

FILE_NAME: Final = "run.sqlite"
RUNS: Final = Path("leakhunt-runs")
"""Where runs go unless somebody says otherwise."""

_ROOM: Final = "Free some space or choose another place with --output; what was recorded so far can be read."
_DAMAGED: Final = (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError)


def run_directory(base: Path, name: str, now: datetime) -> Path:
    """Where a run goes unless the user says so: `<base>/<UTC time>-<name>`, never one that exists."""
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:60] or "run"
    stem = f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{slug}"
    directory, again = base / stem, 1
    while os.path.lexists(directory):  # never raises, where `base` may not be entered
        again += 1
        directory = base / f"{stem}-{again}"
    return directory


@final
class RunWriter:
    """Records a run as it happens. May be used from several threads.

    As a context that an error leaves before the first round, it removes the directory that it made.

    Raises:
        UsageError: the directory exists already.
        RunFileError: the run cannot be written, at the start or at any later call; what was recorded stays readable.
    """

    def __init__(self, directory: Path, *, name: str, started_at: str, leakhunt: str, plan: Plan) -> None:
        self.path = directory / FILE_NAME
        self._lock = threading.RLock()
        self._worth_keeping = False
        _make_private(directory, self.path)
        try:
            self._create({"name": name, "started_at": started_at, "leakhunt": leakhunt}, plan)
        except RunFileError:
            _remove(directory)
            raise

    def _create(self, meta: Mapping[str, str], plan: Plan) -> None:
        with self._guard():
            # Our own lock keeps threads apart, so sqlite3 need not insist on one thread.
            self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            # Safe against the death of any process; a power cut may take the last round.
            self._database.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            for statement in TABLES.split(";"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._database.execute(f"PRAGMA user_version = {SCHEMA}")
            self._put("meta", ("schema", str(SCHEMA)), *meta.items())
            self._put("plan", plan_row(plan))
            self._put("options", *plan.options.items())

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
        if error is not None and not self._worth_keeping:
            # A target that did not start leaves nothing to read, and would be in the way of the next try.
            _remove(self.path.parent)

    def conditions(self, conditions: Mapping[str, str]) -> None:
        """Add conditions; those known by the same name are replaced."""
        with self._transaction():
            self._put("conditions", *conditions.items())

    def route(self, step: str, route: str) -> None:
        """Say which route a step goes to."""
        with self._transaction():
            self._put("routes", (step, route))

    def worker(self, worker: Worker) -> None:
        """Add a worker, or replace what is known of it."""
        with self._transaction():
            self._put("workers", worker_row(worker))

    def round(
        self, finished: Round, requests: Iterable[RequestRecord] = (), timeline: Iterable[TimelinePoint] = ()
    ) -> None:
        """Add a finished round with its requests and the growth chart's dots: all of it or nothing."""
        self._worth_keeping = True
        with self._transaction():
            round_id = self._put("rounds", round_row(finished))
            self._put("doses", *((round_id, *dose) for dose in finished.doses.items()))
            for sample in finished.samples:
                sample_id = self._put("samples", sample_row(round_id, sample))
                self._put("served", *((sample_id, *served) for served in sample.served.items()))
            self._put("requests", *map(astuple, requests))
            self._put("timeline", *map(astuple, timeline))

    def timeline(self, points: Iterable[TimelinePoint]) -> None:
        """Add dots of the growth chart that belong to no round."""
        self._worth_keeping = True
        with self._transaction():
            self._put("timeline", *map(astuple, points))

    def peak(self, peak: PeakSample) -> None:
        """Add the peak of one request."""
        with self._transaction():
            self._put("peaks", astuple(peak))

    def snapshot(self, snapshot: Snapshot) -> None:
        """Add what a snapshot child saw."""
        with self._transaction():
            self._put("snapshots", snapshot_row(snapshot))

    def container(self, container: Container) -> None:
        """Add a closer look at one holder."""
        with self._transaction():
            self._put("containers", container_row(container))

    def calls(self, table: CallTable) -> None:
        """Add what was read around the operations of one worker."""
        with self._transaction():
            self._put("calls", calls_row(table))

    def split(self, split: MemorySplit) -> None:
        """Add what the memory of one process is made of."""
        with self._transaction():
            self._put("splits", split_row(split))

    def caveat(self, caveat: Caveat) -> None:
        """Add a reason to trust the run less."""
        with self._transaction():
            self._put("caveats", astuple(caveat))

    def cost(self, cost: Cost) -> None:
        """Say what leakhunt has cost so far; replaces what was said before."""
        with self._transaction():
            self._database.execute("DELETE FROM cost")
            self._put("cost", astuple(cost))

    def finish(self, outcome: str) -> None:
        """Say how the run ended, and close the file."""
        with self._transaction():
            self._put("meta", ("outcome", outcome))
        self.close()

    def close(self) -> None:
        """Close the file, as one file without a journal where that is possible. Idempotent."""
        with self._lock:
            # A reader or a full disk may forbid it: then the journal stays beside the file and is read with it.
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.close()

    def _put(self, table: str, *rows: Row) -> int:
        """Write rows that hold a value for every column; those with a known key replace it. The id of the last one."""
        last = 0
        for row in rows:
            marks = ", ".join("?" * len(row))
            statement = f"INSERT INTO {table} VALUES ({marks}) {REPLACING.get(table, '')}"  # noqa: S608  # our own names
            last = self._database.execute(statement, storable(row)).lastrowid or 0
        return last

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._guard():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself, as it does on a full disk.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RunFileError(f"The run could not be written to {self.path}: {error}.", _ROOM) from error


def read_run(path: Path) -> Run:
    """The run in a run directory or in a `run.sqlite`, finished or not.

    Raises:
        RunFileError: there is no run, it was recorded by a newer leakhunt, or it is damaged.
    """
    file = _find(path)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            # One transaction, so that a run that is still being written is read as of one moment.
            database.execute("BEGIN")
            _check(database, file)
            return _read(database)
    except _DAMAGED as error:
        raise RunFileError(
            f"The run in {file} cannot be read: {error}.",
            "The file is damaged or cut off; copy it again from where it was recorded, or record a new run.",
        ) from error


def _find(path: Path) -> Path:
    try:
        file = path / FILE_NAME if path.is_dir() else path
        if file.is_file():
            # SQLite would only say that it cannot open the file, not why.
            file.open("rb").close()
            return file
    except OSError as error:
        raise RunFileError(
            f"The run in {path} cannot be read: {error.strerror}.", "Only who recorded a run may read it, and root."
        ) from error
    raise RunFileError(f"There is no recorded run at {path}.", f"Name a directory that holds a {FILE_NAME}.")


def _make_private(directory: Path, file: Path) -> None:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        if directory.exists() or directory.is_symlink():
            raise UsageError(
                f"{directory} exists already, and leakhunt never writes over a run.",
                "Choose another directory with --output.",
            ) from error
        raise _cannot_create(directory, error) from error
    except OSError as error:
        raise _cannot_create(directory, error) from error


def _cannot_create(directory: Path, error: OSError) -> RunFileError:
    return RunFileError(
        f"The run directory {directory} cannot be made: {error.strerror}.",
        "Choose a place where you may write, and that has room, with --output.",
    )


def _remove(directory: Path) -> None:
    for file in directory.glob(f"{FILE_NAME}*"):
        file.unlink()
    directory.rmdir()


def _check(database: sqlite3.Connection, file: Path) -> None:
    if _pragma(database, "application_id") != APPLICATION_ID:
        raise RunFileError(f"{file} is no recorded run of leakhunt.", f"Name a directory that holds a {FILE_NAME}.")
    schema = _pragma(database, "user_version")
    if schema > SCHEMA:
        raise RunFileError(
            f"{file} was recorded by a newer leakhunt: its schema is {schema}, this one reads up to {SCHEMA}.",
            "Upgrade leakhunt to read it.",
        )
    complaint = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if complaint != "ok":
        raise sqlite3.DatabaseError("database disk image is malformed")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    value: int = database.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _read(database: sqlite3.Connection) -> Run:
    meta: dict[str, str] = dict(_rows(database, "meta"))
    (plan,) = _rows(database, "plan")
    return Run(
        name=meta["name"],
        started_at=meta["started_at"],
        leakhunt=meta["leakhunt"],
        plan=to_plan(plan, dict(_rows(database, "options"))),
        conditions=dict(_rows(database, "conditions")),
        routes=dict(_rows(database, "routes")),
        workers=tuple(map(to_worker, _rows(database, "workers"))),
        rounds=_read_rounds(database),
        requests=tuple(
            RequestRecord(number, step, status, bool(expected), *rest)
            for number, step, status, expected, *rest in _rows(database, "requests")
        ),
        timeline=tuple(TimelinePoint(*row) for row in _rows(database, "timeline")),
        peaks=tuple(PeakSample(*row) for row in _rows(database, "peaks")),
        snapshots=tuple(map(to_snapshot, _rows(database, "snapshots"))),
        containers=tuple(map(to_container, _rows(database, "containers"))),
        calls=tuple(map(to_calls, _rows(database, "calls"))) if _has(database, "calls") else (),
        splits=tuple(map(to_split, _rows(database, "splits"))) if _has(database, "splits") else (),
        caveats=tuple(Caveat(*row) for row in _rows(database, "caveats")),
        cost=next((Cost(*row) for row in _rows(database, "cost")), None),
        outcome=meta.get("outcome"),
    )


def _read_rounds(database: sqlite3.Connection) -> tuple[Round, ...]:
    served: dict[int, dict[str, int]] = defaultdict(dict)
    for sample, route, count in _rows(database, "served"):
        served[sample][route] = count
    doses: dict[int, dict[str, int]] = defaultdict(dict)
    for number, step, count in _rows(database, "doses"):
        doses[number][step] = count
    samples: dict[int, list[Sample]] = defaultdict(list)
    for row in _rows(database, "samples"):
        samples[row[1]].append(to_sample(row, served[row[0]]))
    return tuple(to_round(row, doses[row[0]], tuple(samples[row[0]])) for row in _rows(database, "rounds"))


def _has(database: sqlite3.Connection, table: str) -> bool:
    """Whether there is such a table: a run may be older than it."""
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(database.execute(query, (table,)).fetchone()[0])


def _rows(database: sqlite3.Connection, table: str) -> list[Row]:
    return database.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608  # our own names
