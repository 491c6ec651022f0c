from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from leakhunt.cli.show import show
from unit.reports.samples import LEAK

RUN = Path("leakhunt-runs/courseware")


def shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal of 80 columns receives."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
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
    assert "LEAK" in out.splitlines()[1] + out.splitlines()[0]
    assert out.endswith("\nReport: leakhunt-runs/courseware/report.html\n")


def test_piped_output_is_plain_and_as_wide_as_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(LEAK, RUN)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out
    assert max(map(len, captured.out.splitlines())) > 100
    assert captured.err == ""


def test_a_terminal_gets_colour_and_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in shown_on_a_terminal(monkeypatch)
