from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from leakhunt.cli.show import show
from leakhunt.reports import text
from unit.reports.samples import LEAK

RUN = Path("leakhunt-runs/courseware")


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose reports have been written."""
    monkeypatch.chdir(tmp_path)
    RUN.mkdir(parents=True)
    (RUN / "report.html").touch()


def test_a_report_that_was_not_written_is_not_pointed_to(capsys: pytest.CaptureFixture[str]) -> None:
    (RUN / "report.html").unlink()
    show(LEAK, RUN)
    assert "Report:" not in capsys.readouterr().out


def shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, kind: str) -> str:
    """What a terminal of 80 columns receives."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        show(LEAK, RUN)
        monkeypatch.undo()
    received = b""
    with os.fdopen(ours, "rb", buffering=0) as reader:
        try:
            while chunk := reader.read(65536):
                received += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
    return received.decode()


def test_the_verdict_comes_before_the_place_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    show(LEAK, RUN)
    out = capsys.readouterr().out
    assert out.startswith("LEAK")
    assert out.endswith("\nReport: leakhunt-runs/courseware/report.html\n")


def test_piped_output_is_the_text_format(capsys: pytest.CaptureFixture[str]) -> None:
    show(LEAK, RUN)
    captured = capsys.readouterr()
    assert captured.out.startswith(text.render(LEAK))
    assert captured.err == ""


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_can_only_print_gets_the_text_format(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    received = shown_on_a_terminal(monkeypatch, kind)
    assert received.replace("\r\n", "\n").startswith(text.render(LEAK))


def test_a_terminal_gets_colour_and_the_answer_last(monkeypatch: pytest.MonkeyPatch) -> None:
    received = shown_on_a_terminal(monkeypatch, "xterm-256color")
    assert "\x1b[" in received
    last = received.splitlines()[-24:]
    assert any("LEAK" in line and "nothing stops it" in line for line in last)
    assert last[-1] == "Report: leakhunt-runs/courseware/report.html"
