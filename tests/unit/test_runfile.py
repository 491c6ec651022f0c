from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakhunt.errors import LeakhuntError, RunFileError, UsageError
from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.measurement import HeapUsage, MemoryUsage, PeakSample, RequestRecord, Sample, TimelinePoint
from leakhunt.model.run import Caveat, Cost, Phase, Plan, Role, Round, Run, Worker
from leakhunt.model.snapshot import Container, Frame, PathNode, SiteStat, Snapshot, TypeStat
from leakhunt.model.split import MemorySplit
from leakhunt.runfile import RunWriter, read_run, run_directory

PLAN = Plan(target="shop.wsgi:app", workload="shop.toml", server="gunicorn", seed=7, concurrency=1)


def writer(directory: Path, plan: Plan = PLAN) -> RunWriter:
    return RunWriter(directory, name="shop", started_at="2026-11-23T22:00:00Z", leakhunt="0.1.0", plan=plan)


def round_number(index: int) -> Round:
    return Round(index, Phase.DOSE, started=index, ended=index + 0.5, doses={"video": 17})


def record_insides(run: Run, recorder: RunWriter) -> None:
    """What was seen inside the target."""
    for snapshot in run.snapshots:
        recorder.snapshot(snapshot)
    for container in run.containers:
        recorder.container(container)
    for table in run.calls:
        recorder.calls(table)
    for split in run.splits:
        recorder.split(split)


def record(run: Run, directory: Path) -> Path:
    """Writes a run that exists only in memory, as the experiment would."""
    with RunWriter(
        directory, name=run.name, started_at=run.started_at, leakhunt=run.leakhunt, plan=run.plan
    ) as recorder:
        recorder.conditions(run.conditions)
        for step, route in run.routes.items():
            recorder.route(step, route)
        for worker in run.workers:
            recorder.worker(worker)
        for index, finished in enumerate(run.rounds):
            recorder.round(finished, run.requests if index == 0 else (), run.timeline if index == 0 else ())
        for peak in run.peaks:
            recorder.peak(peak)
        record_insides(run, recorder)
        for caveat in run.caveats:
            recorder.caveat(caveat)
        if run.cost is not None:
            recorder.cost(run.cost)
        if run.outcome is not None:
            recorder.finish(run.outcome)
    return directory


TEXT = st.text(max_size=12)
COUNT = st.integers(0, 2**62)
SECONDS = st.floats(-1e9, 1e9)
MAYBE_COUNT = st.none() | COUNT
MAYBE_TEXT = st.none() | TEXT
COUNTS = st.dictionaries(TEXT, COUNT, max_size=3)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
FRAMES = st.builds(Frame, TEXT, COUNT, TEXT)


def few(of: st.SearchStrategy[object], least: int = 0) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, min_size=least, max_size=3).map(tuple)


MEMORY = st.builds(MemoryUsage, COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT)
HEAP = st.builds(HeapUsage, COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, st.booleans())
SAMPLES = st.builds(
    Sample, TEXT, SECONDS, MEMORY, st.none() | HEAP, st.none() | SECONDS, MAYBE_COUNT, MAYBE_COUNT, COUNTS
)
ROUNDS = st.builds(
    Round,
    index=COUNT,
    phase=st.sampled_from(Phase),
    started=SECONDS,
    ended=SECONDS,
    doses=COUNTS,
    block=MAYBE_COUNT,
    alone=MAYBE_TEXT,
    inputs=TEXT,
    samples=few(SAMPLES),
    temp_files=MAYBE_COUNT,
    disk_free=MAYBE_COUNT,
)
SITES = st.builds(SiteStat, few(FRAMES), COUNT, COUNT)
OPERATIONS = st.builds(
    Operation,
    *(few(FRAMES), TEXT, few(st.builds(Callee, TEXT, TEXT, st.booleans(), MAYBE_TEXT, MAYBE_TEXT))),
    *(few(st.tuples(TEXT, TEXT)), COUNT, COUNT, COUNT, COUNT, COUNT),
)
RUNS = st.builds(
    Run,
    name=TEXT,
    started_at=TEXT,
    leakhunt=TEXT,
    plan=st.builds(
        Plan, TEXT, TEXT, TEXT, COUNT, COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, options=TEXTS
    ),
    conditions=TEXTS,
    routes=TEXTS,
    workers=st.lists(
        st.builds(
            Worker,
            *(TEXT, COUNT, COUNT, st.sampled_from(Role), TEXT),
            *(SECONDS, st.none() | SECONDS, MAYBE_TEXT, MAYBE_TEXT),
        ),
        max_size=3,
        unique_by=lambda worker: worker.key,
    ).map(tuple),
    rounds=few(ROUNDS, least=1),
    requests=few(
        st.builds(RequestRecord, COUNT, TEXT, MAYBE_COUNT, st.booleans(), COUNT, SECONDS, SECONDS, COUNT, MAYBE_TEXT)
    ),
    timeline=few(st.builds(TimelinePoint, TEXT, SECONDS, COUNT, MAYBE_COUNT)),
    peaks=few(st.builds(PeakSample, TEXT, TEXT, COUNT, COUNT)),
    snapshots=few(
        st.builds(
            Snapshot,
            worker=TEXT,
            round=COUNT,
            types=few(st.builds(TypeStat, TEXT, COUNT)),
            sites=few(SITES),
            paths=few(st.builds(PathNode, st.integers(-1, 99), TEXT, TEXT, COUNT, COUNT)),
            pause=SECONDS,
            problems=few(TEXT),
        )
    ),
    containers=few(
        st.builds(
            Container,
            *(TEXT, COUNT, TEXT, TEXT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_COUNT, MAYBE_TEXT),
            *(few(TEXT), few(TEXT)),
        )
    ),
    splits=few(
        st.builds(MemorySplit, TEXT, COUNT, COUNT, COUNTS, COUNTS, TEXT, st.booleans(), MAYBE_COUNT, st.booleans())
    ),
    calls=few(st.builds(CallTable, TEXT, COUNT, COUNT, few(OPERATIONS), st.dictionaries(TEXT, COUNT, max_size=2))),
    caveats=few(st.builds(Caveat, TEXT, TEXT)),
    cost=st.none() | st.builds(Cost, st.none() | SECONDS, MAYBE_COUNT, st.none() | SECONDS),
    outcome=MAYBE_TEXT,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(run=RUNS)
def test_a_run_comes_back_exactly_as_it_was_recorded(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = record(run, tmp_path_factory.mktemp("runs") / "run")
    assert read_run(directory) == run
    assert read_run(directory / "run.sqlite") == run


def failed(directory: Path, rounds: int) -> None:
    """A run that an error ends after so many rounds."""
    with writer(directory) as recorder:
        for index in range(rounds):
            recorder.round(round_number(index))
        raise LeakhuntError("the target died")


def test_an_error_before_the_first_round_leaves_no_directory_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(LeakhuntError):
        failed(tmp_path / "run", rounds=0)
    assert list(tmp_path.iterdir()) == []


def test_an_error_after_a_round_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(LeakhuntError):
        failed(tmp_path / "run", rounds=1)
    assert len(read_run(tmp_path / "run").rounds) == 1


def test_only_the_owner_may_read_what_is_recorded(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as recorder:
        recorder.round(round_number(0))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").iterdir()}
    assert modes == {"run.sqlite": 0o600, "run.sqlite-wal": 0o600, "run.sqlite-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_finished_run_is_a_single_file(tmp_path: Path) -> None:
    writer(tmp_path / "run").finish("complete")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.sqlite"]
    assert read_run(tmp_path / "run").outcome == "complete"


def test_a_run_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as recorder:
        for index in range(3):
            recorder.round(round_number(index))
            assert len(read_run(tmp_path / "run").rounds) == index + 1


def test_a_worker_that_is_told_of_again_keeps_its_place(tmp_path: Path) -> None:
    born = Worker("10@1", 10, 9, Role.WORKER, "gunicorn worker 1", 0.0)
    died = Worker("10@1", 10, 9, Role.WORKER, "gunicorn worker 1", 0.0, died=4.0, death="recycled")
    other = Worker("11@2", 11, 9, Role.WORKER, "gunicorn worker 2", 0.0)
    with writer(tmp_path / "run") as recorder:
        for worker in (born, other, died):
            recorder.worker(worker)
    assert read_run(tmp_path / "run").workers == (died, other)


def test_what_was_finished_survives_kill_9(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from leakhunt.model.run import Phase, Plan, Round
        from leakhunt.runfile import RunWriter

        plan = Plan(target="shop", workload="shop.toml", server="gunicorn", seed=7, concurrency=1)
        recorder = RunWriter(Path(sys.argv[1]), name="shop", started_at="now", leakhunt="0.1.0", plan=plan)
        index = 0
        while True:
            recorder.round(Round(index, Phase.DOSE, started=index, ended=index + 1))
            print(index, flush=True)
            index += 1
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        finished = [int(next(process.stdout)) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        finished += [int(line) for line in process.stdout]
    run = read_run(tmp_path / "run")
    assert [one.index for one in run.rounds][: len(finished)] == finished
    assert run.outcome is None


def test_a_round_that_cannot_be_written_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = RequestRecord(1, "video", 200, True, 2**70, 0.0, 0.1)  # wider than SQLite's integers
    with writer(tmp_path / "run") as recorder:
        recorder.round(round_number(0))
        with pytest.raises(OverflowError):
            recorder.round(round_number(1), [broken])
        recorder.round(round_number(2))
    assert [one.index for one in read_run(tmp_path / "run").rounds] == [0, 2]


def test_a_file_name_that_is_not_utf_8_can_be_recorded(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as recorder:
        recorder.caveat(Caveat("odd-name", os.fsdecode(b"caf\xe9.png")))
    assert read_run(tmp_path / "run").caveats[0].text == "caf\\udce9.png"


def test_a_directory_that_exists_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match="exists already") as caught:
        writer(tmp_path / "run")
    assert caught.value.exit_code == 2
    assert "--output" in (caught.value.hint or "")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_file_in_the_way_of_the_parent_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunFileError, match="cannot be made"):
        writer(tmp_path / "runs" / "run")


@pytest.fixture
def without_privileges(tmp_path: Path) -> Iterator[None]:
    """Drops root's power to write everywhere, where there is any."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_place_without_write_permission_is_refused(tmp_path: Path, without_privileges: None) -> None:
    with pytest.raises(RunFileError, match="Permission denied") as caught:
        writer(Path("/etc/leakhunt-run"))
    assert caught.value.exit_code == 3
    assert "--output" in (caught.value.hint or "")


FILL = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from leakhunt.errors import RunFileError
    from leakhunt.model.measurement import RequestRecord
    from leakhunt.model.run import Phase, Plan, Round
    from leakhunt.runfile import RunWriter

    if sys.argv[2:]:
        # A limit on the size of any file stands in for a disk without room.
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    plan = Plan(target="shop", workload="shop.toml", server="gunicorn", seed=7, concurrency=1)
    request = RequestRecord(0, "video" * 200, 200, True, 1, 0.0, 0.1)
    recorder = RunWriter(Path(sys.argv[1]), name="shop", started_at="now", leakhunt="0.1.0", plan=plan)
    for index in range(1000):
        try:
            recorder.round(Round(index, Phase.DOSE, started=index, ended=index + 1), [request] * 20)
        except RunFileError as error:
            print(error.message, "|", error.hint)
            break
        print(index)
    recorder.close()
    """
)


def check_that_a_full_disk_loses_nothing(directory: Path, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(directory), *options], capture_output=True, text=True, check=True
    )
    *finished, complaint = done.stdout.splitlines()
    assert finished
    assert f"could not be written to {directory}" in complaint
    assert "Free some space" in complaint
    assert [str(one.index) for one in read_run(directory).rounds] == finished


def test_a_file_that_may_not_grow_any_more_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    check_that_a_full_disk_loses_nothing(tmp_path / "run", "limited")


def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        # The test above covers the same path through the code.
        return
    try:
        check_that_a_full_disk_loses_nothing(tmp_path / "run")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_run_that_could_not_even_be_started_leaves_no_directory(tmp_path: Path) -> None:
    program = FILL.replace("400_000, 400_000", "1000, 1000")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run"), "limited"], capture_output=True, text=True, check=False
    )
    assert "RunFileError: The run could not be written" in done.stderr
    assert not (tmp_path / "run").exists()


def a_damaged_run(kind: str, directory: Path) -> Path:
    file = directory / "run.sqlite"
    with writer(directory) as recorder:
        recorder.round(round_number(0), [RequestRecord(0, "video" * 99, 200, True, 1, 0.0, 0.1)] * 99)
        recorder.snapshot(Snapshot("10@1", 0, (TypeStat("dict", 5),)))
    content = file.read_bytes()
    with sqlite3.connect(file) as database:
        if kind == "newer":
            database.execute("PRAGMA user_version = 99")
        if kind == "snapshot cut off":
            database.execute("UPDATE snapshots SET body = substr(body, 1, 9)")
        if kind == "another program's":
            database.execute("PRAGMA application_id = 1")
    database.close()
    match kind:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("This is no database.\n" * 99)
        case "cut off":
            file.write_bytes(content[: len(content) // 2])
        case "cut off in its first page":
            file.write_bytes(content[:300])
        case "overwritten":
            file.write_bytes(content[:8192] + b"\xff" * 4096 + content[12288:])
        case _:
            pass
    return directory


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("missing", "There is no recorded run"),
        ("empty", "is no recorded run of leakhunt"),
        ("text", "cannot be read"),
        ("another program's", "is no recorded run of leakhunt"),
        ("newer", "newer leakhunt"),
        ("cut off", "cannot be read"),
        ("cut off in its first page", "cannot be read"),
        ("overwritten", "cannot be read"),
        ("snapshot cut off", "cannot be read"),
    ],
)
def test_a_run_that_cannot_be_read_is_one_sentence_and_a_hint(kind: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(LeakhuntError, match=complaint) as caught:
        read_run(a_damaged_run(kind, tmp_path / "run"))
    assert isinstance(caught.value, RunFileError)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_directory_with_signs_that_mean_something_in_a_url_can_be_read(tmp_path: Path) -> None:
    writer(tmp_path / "50%? #1 run").finish("complete")
    assert read_run(tmp_path / "50%? #1 run").outcome == "complete"


def test_run_directories_are_named_by_utc_time_and_target(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 23, 13, 5, 9, tzinfo=timezone(timedelta(hours=1)))
    first = run_directory(tmp_path, "courseware.wsgi:application", noon)
    assert first == tmp_path / "20261123T120509Z-courseware.wsgi-application"
    first.mkdir()
    assert run_directory(tmp_path, "courseware.wsgi:application", noon).name.endswith("-2")
    assert run_directory(tmp_path, "../..//", noon).name == "20261123T120509Z-run"


def test_closing_again_does_no_harm(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as recorder:
        recorder.finish("complete")
        recorder.close()
    assert read_run(tmp_path / "run").outcome == "complete"


def test_writing_after_the_end_is_refused(tmp_path: Path) -> None:
    recorder = writer(tmp_path / "run")
    recorder.finish("complete")
    with pytest.raises(RunFileError, match="could not be written"):
        recorder.round(round_number(0))


@pytest.fixture
def someone_elses_run(tmp_path: Path) -> Path:
    """A run that may not be read: locked even for its owner, unless the owner is root."""
    writer(tmp_path / "run").finish("complete")
    (tmp_path / "run").chmod(0)
    return tmp_path / "run"


def test_a_run_of_someone_else_is_refused_with_the_reason(someone_elses_run: Path, without_privileges: None) -> None:
    with pytest.raises(RunFileError, match="Permission denied"):
        read_run(someone_elses_run)


def test_a_run_from_before_calls_were_watched_is_read(tmp_path: Path) -> None:
    writer(tmp_path / "run").finish("complete")
    database = sqlite3.connect(tmp_path / "run" / "run.sqlite")
    database.execute("DROP TABLE calls")
    database.commit()
    database.close()
    assert read_run(tmp_path / "run").calls == ()
