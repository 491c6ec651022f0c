from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import pytest
from rich.console import Console

from leakhunt.cli.progress import Progress
from leakhunt.cli.streams import Leavable, mended_streams

PROFILE = """
import sys
from leakhunt.cli import profile
from leakhunt.cli.main import main
from leakhunt.cli.progress import Progress
from rich.console import Console
from pathlib import Path
from unit.reports.samples import LEAK

def hunt(*_):
    with Progress(Console(stderr=True)) as progress:
        for number in range(3):
            progress.phase(f"verdict rounds, block {number}")
            progress.note("Something to know now.")
    return None, LEAK, Path("leakhunt-runs/shop")

profile.profile = hunt
sys.exit(main(["profile", "shop:app", "--request", "GET /"]))
"""
"""`leakhunt profile` that tells its progress and finds a leak, without a target."""


def profile(redirection: str) -> subprocess.CompletedProcess[str]:
    """Run it from a shell that does this with its output."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {redirection}', sys.executable, PROFILE],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "tests"},
    )


@contextmanager
def left_by_its_reader() -> Iterator[TextIO]:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        yield stream


@pytest.mark.parametrize("kind", ["2>&1 | true", "2>&1 | head -1", "2> >(true)", "2>/dev/full", "2>&-"])
def test_a_run_goes_on_to_its_verdict_though_nobody_reads_its_progress(kind: str) -> None:
    done = profile(kind)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize("kind", ["2> >(true)", "2>/dev/full", "2>&-"])
def test_the_verdict_is_shown_though_nobody_reads_the_progress(kind: str) -> None:
    assert "LEAK" in profile(kind).stdout


@pytest.mark.parametrize("kind", ["| true", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_the_verdict_is_the_exit_code_though_nobody_reads_it(kind: str) -> None:
    done = profile(kind)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "block 2" in done.stderr or "2>&-" in kind


def test_what_was_not_flushed_when_the_reader_went_is_no_error_at_the_end() -> None:
    assert profile("2>&1 | head -1").stderr == ""


def test_progress_ends_quietly_when_its_reader_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    with left_by_its_reader() as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with mended_streams(), Progress(Console(stderr=True)) as progress:
            progress.phase("baseline")
            progress.note("The load was stopped.")
        monkeypatch.undo()


def test_a_stream_without_a_reader_takes_everything() -> None:
    with left_by_its_reader() as stream:
        left = Leavable(stream)
        for _ in range(3):
            assert left.write("x" * 100_000) == 100_000
            left.flush()


def test_other_failures_are_told_as_often_as_they_happen() -> None:
    with Path("/dev/full").open("w") as full:
        stream = Leavable(full)
        stream.write("x")
        for _ in range(2):
            with pytest.raises(OSError, match="No space left") as caught:
                stream.flush()
            assert caught.value.errno == errno.ENOSPC
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_once_and_is_no_success(unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = profile(">/dev/full")
    assert done.returncode == 3
    assert done.stderr.count("no space left") == 1


def test_a_stream_is_otherwise_what_it_was() -> None:
    inner = io.StringIO()
    stream = cast("TextIO", Leavable(inner))
    print("one", "two", file=stream)
    assert inner.getvalue() == "one two\n"
    assert not stream.isatty()


def test_the_streams_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    before = sys.stderr
    with mended_streams():
        print("nobody reads this")
        assert sys.stderr is not before
    assert sys.stdout is None
    assert sys.stderr is before


def test_a_descriptor_that_was_closed_is_not_given_to_the_next_file() -> None:
    code = (
        "import os, sys; from leakhunt.cli.streams import mended_streams\n"
        "with mended_streams(): print(os.open('/dev/null', os.O_RDONLY) > 2, file=sys.stderr)"
    )
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" >&- <&-', sys.executable, code], capture_output=True, text=True, check=True
    )
    assert done.stderr == "True\n"
