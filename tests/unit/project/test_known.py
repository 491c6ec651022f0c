"""The file of leaks that are accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from leakhunt.errors import ConfigError
from leakhunt.model.gate import KnownLeak
from leakhunt.project.known import Acceptance, accept, read_known
from unit.reports.samples import LEAK

FIRST, SECOND = LEAK.suspects[:2]
WHY = Acceptance('mended with "2.4"', "images", date(2027, 1, 31))


def test_no_file_is_no_known_leak(tmp_path: Path) -> None:
    assert read_known(tmp_path / "leakhunt-known.toml") == ()


def test_what_is_accepted_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "leakhunt-known.toml"
    assert accept(file, [FIRST, FIRST], WHY) == (FIRST,)
    assert read_known(file) == (
        KnownLeak(FIRST.fingerprint, f"{FIRST.route} {FIRST.path}", WHY.reason, "images", date(2027, 1, 31)),
    )


def test_what_stands_there_stays_and_nothing_is_added_twice(tmp_path: Path) -> None:
    file = tmp_path / "leakhunt-known.toml"
    file.write_text(f'# ours\n[[leak]]\nfingerprint = "{FIRST.fingerprint}"\nreason = "old"\n')
    assert accept(file, [FIRST, SECOND], WHY) == (SECOND,)
    assert file.read_text().startswith("# ours\n")
    assert [leak.reason for leak in read_known(file)] == ["old", WHY.reason]
    before = file.read_bytes()
    assert accept(file, [FIRST, SECOND], WHY) == ()
    assert file.read_bytes() == before


@pytest.mark.parametrize("nasty", ['"""', "a\\b\n[[leak]]", "\x7f\x1b[31m", "ü 🐍"])
def test_whatever_a_holder_is_called_the_file_can_be_read(nasty: str, tmp_path: Path) -> None:
    file = tmp_path / "leakhunt-known.toml"
    accept(file, [replace(FIRST, path=nasty)], replace(WHY, reason=nasty))
    (leak,) = read_known(file)
    assert (leak.what, leak.reason) == (f"{FIRST.route} {nasty}", nasty)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("[[leak]]\nreason = 'x'\n", 1, "`fingerprint` is missing"),
        ("[[leak]]\nfingerprint = 'a'\n", 1, "`reason` is missing"),
        ("[[leak]]\nfingerprint = 'a'\nreason = 'x'\nexpires = '2027-01-31'\n", 4, "must be a day"),
        ("[[leak]]\nfingerprint = 'a'\nreason = 'x'\nexpires = 2027-01-31T10:00:00\n", 4, "must be a day"),
        ("[[leak]]\nfingerprint = 'a'\nreason = 'x'\nowners = 'y'\n", 4, "unknown key"),
        ("[[leek]]\nfingerprint = 'a'\n", 1, "unknown key"),
        (2 * "[[leak]]\nfingerprint = 'a'\nreason = 'x'\n", 5, "listed twice"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "leakhunt-known.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem) as caught:
        read_known(file)
    assert caught.value.line == line
