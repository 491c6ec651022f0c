from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from leakhunt.reports.drawing import draw_files, draw_svgs
from unit.reports.samples import LEAK, TRUNCATED

DRAW = "from unit.reports.samples import LEAK; from leakhunt.reports.drawing import draw_svgs; print(*draw_svgs(LEAK))"


def test_every_chart_has_an_svg_and_is_written_as_both_kinds_of_file() -> None:
    drawn, files = draw_svgs(LEAK), draw_files(LEAK)
    assert set(drawn) == {"growth", "routes"}
    assert set(files) == {"growth.png", "growth.svg", "routes.png", "routes.svg"}
    assert "<svg" in files["growth.svg"].decode()
    assert "<svg" in drawn["growth"]
    assert files["routes.png"].startswith(b"\x89PNG")


def test_where_nothing_was_measured_nothing_is_drawn() -> None:
    nothing = replace(TRUNCATED, series=())
    assert not draw_svgs(nothing)
    assert not draw_files(nothing)


def test_a_home_that_cannot_be_written_to_is_neither_told_nor_missed(tmp_path: Path) -> None:
    home, temp = tmp_path / "home", tmp_path / "temp"
    home.write_text("This is no directory.")
    temp.mkdir()
    unset = {"MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
    env = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={**env, "HOME": str(home), "TMPDIR": str(temp), "PYTHONPATH": "tests"},
    )
    assert done.stdout.split() == ["growth", "routes"]
    assert done.stderr == ""
    assert list(temp.iterdir()) == []


def test_what_matplotlib_may_log_is_left_as_it_was() -> None:
    logger = logging.getLogger("matplotlib")
    before = logger.level
    draw_svgs(TRUNCATED)
    assert logger.level == before
