from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.targets.logs import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.of(tmp_path, "target")


@pytest.mark.parametrize("name", ["target", "celery worker", "../../etc/passwd", "größe", "a\nb", "", ".."])
def test_a_log_stays_in_its_directory_whatever_the_program_is_called(tmp_path: Path, name: str) -> None:
    log = Log.of(tmp_path, name)
    for file in (log.stdout, log.stderr):
        file.write_text("x")
        assert file.resolve().parent == tmp_path.resolve()
    assert log.stdout != log.stderr


@pytest.mark.parametrize(
    ("one", "other"), [("a b", "a/b"), ("a b", "a%20b"), ("a-b", "a b"), ("ü", "ö"), ("x" * 300, "x" * 301)]
)
def test_two_programs_never_share_a_log(tmp_path: Path, one: str, other: str) -> None:
    Log.of(tmp_path, one).stderr.write_text("refused")
    assert Log.of(tmp_path, one).errors() == "refused"
    assert Log.of(tmp_path, other).errors() == ""


def test_a_program_that_has_written_nothing_has_an_empty_log(log: Log) -> None:
    assert (log.text(), log.errors()) == ("", "")


def test_stdout_comes_before_stderr(log: Log) -> None:
    log.stderr.write_text("a warning\n")
    log.stdout.write_text("ready\n")
    assert log.text() == "ready\na warning\n"


def test_errors_are_stderr_and_stdout_only_where_nothing_else_was_written(log: Log) -> None:
    log.stdout.write_text("ready\n")
    log.stderr.write_text("\n \n")
    assert log.errors() == "ready"
    log.stderr.write_text("\nrefused\n")
    assert log.errors() == "refused"


def test_only_the_end_of_a_long_log_is_read(log: Log) -> None:
    log.stderr.write_text("first\n" + "x" * 10**6 + "\nlast\n")
    text = log.text()
    assert text.endswith("x\nlast\n")
    assert "first" not in text
    assert len(text) < 10**5


def test_a_character_that_is_cut_in_half_does_not_keep_the_rest_from_being_read(log: Log) -> None:
    log.stderr.write_text("ü" * 10**5 + "!")
    assert log.errors().endswith("üü!")


def test_bytes_that_are_no_text_are_shown_as_such(log: Log) -> None:
    log.stdout.write_bytes(b"caf\xe9 open\n")
    assert log.errors() == "caf\ufffd open"
