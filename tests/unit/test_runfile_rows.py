from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from builders import App, Kept, record
from builders import snapshot as make_snapshot
from leakhunt.model.measurement import MemoryUsage, Sample
from leakhunt.model.run import Phase, Plan, Role, Round, Worker
from leakhunt.model.snapshot import Age, Container, Frame, SiteStat, Snapshot
from leakhunt.runfile_rows import (
    REPLACING,
    TABLES,
    Row,
    container_row,
    plan_row,
    round_row,
    sample_row,
    snapshot_row,
    storable,
    to_container,
    to_plan,
    to_round,
    to_sample,
    to_snapshot,
    to_worker,
    worker_row,
)

PLAN = Plan("shop.wsgi:app", "shop.toml", "gunicorn", 7, 1, memory_limit=2**31, options={"chdir": "/srv"})
WORKER = Worker("10@1", 10, 9, Role.MASTER, "gunicorn master", -1.5, 4.0, "exit code 3", "3.11.7")
ROUND = Round(3, Phase.REPEATED, 1.0, 2.5, {"image": 7}, 1, "image", "repeated", (), 4, 10**12)
SAMPLE = record(App(), rounds=1).rounds[-1].samples[0]
BARE = Sample("10@1", 0.5, MemoryUsage(4096))
HEAP = make_snapshot("10@1", 3, [Kept([("views", "module"), ("._ÄPFEL", "list"), ("[*]", "bytes")])], 50)
CONTAINER = Container("10@1", 3, "views._S['*']", "dict", 3, None, 0, "maxsize", ("a", "b"), ("too large",))


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.executescript(TABLES)
        yield opened


def stored(database: sqlite3.Connection, table: str, row: Row) -> Row:
    """The row as it comes back from its table."""
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} VALUES ({marks})", storable(row))
    (back,) = database.execute(f"SELECT * FROM {table}").fetchall()
    return tuple(back)


def test_every_noun_comes_back_from_its_table(database: sqlite3.Connection) -> None:
    assert to_plan(stored(database, "plan", plan_row(PLAN)), PLAN.options) == PLAN
    assert to_worker(stored(database, "workers", worker_row(WORKER))) == WORKER
    assert to_round(stored(database, "rounds", round_row(ROUND)), ROUND.doses, ()) == ROUND
    assert to_sample(stored(database, "samples", sample_row(1, SAMPLE)), SAMPLE.served) == SAMPLE
    dated = replace(HEAP, ages=(Age("views._ÄPFEL", 50, 49),))
    assert to_snapshot(stored(database, "snapshots", snapshot_row(dated))) == dated
    assert to_container(stored(database, "containers", container_row(CONTAINER))) == CONTAINER


def test_a_sample_without_a_heap_comes_back_without_one(database: sqlite3.Connection) -> None:
    assert to_sample(stored(database, "samples", sample_row(1, BARE)), {}) == BARE


def test_a_snapshot_of_nothing_comes_back_empty() -> None:
    nothing = Snapshot("10@1", 3, problems=("the child was killed",))
    assert to_snapshot(snapshot_row(nothing)) == nothing


def test_a_snapshot_from_before_ages_were_told_has_none() -> None:
    *columns, packed = snapshot_row(HEAP)
    body = json.loads(zlib.decompress(packed))
    del body["ages"]
    assert to_snapshot((*columns, zlib.compress(json.dumps(body).encode()))) == HEAP


def test_a_heap_is_stored_compressed() -> None:
    wide = Snapshot("10@1", 3, sites=tuple(SiteStat((Frame("/srv/views.py", 3, "f"),), i, 1) for i in range(2_000)))
    assert len(snapshot_row(wide)[-1]) < 20_000


@pytest.mark.parametrize(
    "body",
    [b"", b"x", zlib.compress(b"{"), zlib.compress(b"{}"), zlib.compress(b"[]"), None],
    ids=["empty", "not compressed", "no JSON", "no parts", "no object", "null"],
)
def test_a_damaged_snapshot_is_an_error_that_is_told(body: bytes | None) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, zlib.error)):
        to_snapshot(("10@1", 3, 0.0, body))


def test_a_damaged_part_of_a_snapshot_is_an_error_that_is_told() -> None:
    body = json.loads(zlib.decompress(snapshot_row(HEAP)[-1]))
    for part, value in (("types", 5), ("sites", [[]]), ("paths", [[1, 2]]), ("problems", None)):
        packed = zlib.compress(json.dumps({**body, part: value}).encode())
        with pytest.raises((ValueError, KeyError, TypeError)):
            to_snapshot(("10@1", 3, 0.0, packed))


def test_a_damaged_container_is_an_error_that_is_told() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        to_container((*container_row(CONTAINER)[:-1], "["))


def test_a_word_that_no_phase_or_role_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="'lunch' is not a valid Phase"):
        to_round((None, 0, "lunch", *round_row(ROUND)[3:]), {}, ())
    with pytest.raises(ValueError, match="'chief' is not a valid Role"):
        to_worker(("10@1", 10, 9, "chief", *worker_row(WORKER)[4:]))


def test_a_file_name_that_is_not_utf_8_becomes_a_visible_escape() -> None:
    assert storable((os.fsdecode(b"caf\xe9"), "größe", 7, None)) == ("caf\\udce9", "größe", 7, None)


def test_what_is_replaced_has_a_key_to_be_found_by(database: sqlite3.Connection) -> None:
    for table, clause in REPLACING.items():
        columns = database.execute(f"PRAGMA table_info({table})").fetchall()
        (key,) = [name for _, name, _, _, _, primary in columns if primary]
        assert f"ON CONFLICT ({key})" in clause
