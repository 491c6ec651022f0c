"""A watched tree as text: whatever the width, and whatever the processes are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.model.view import TreeView, Trend
from leakhunt.reports.watch import SORTS, TREND, Look, growth_cell, render, sparkline, text
from unit.reports.watch_samples import GROWING, HIDDEN, MANY, MIB, QUIET, SAMPLES, YOUNG, a_process, a_view


def lines(view: TreeView, **look: object) -> list[str]:
    return text(view, Look(**look)).splitlines()  # type: ignore[arg-type]


def table(view: TreeView, **look: object) -> list[str]:
    shown = lines(view, **look)
    start = next(number for number, line in enumerate(shown) if line.startswith("process"))
    return shown[start : start + 1 + len(view.processes)]


@pytest.mark.parametrize("view", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("width", [20, 40, 60, 80, 99, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_terminal(view: TreeView, width: int) -> None:
    assert max(map(len, lines(view, width=width, hint="s sort   q quit"))) <= width


@pytest.mark.parametrize("height", [5, 8, 12, 24, 60])
def test_no_more_lines_than_the_terminal_has(height: int) -> None:
    shown = lines(MANY, width=80, height=height, hint="q quit")
    assert len(shown) <= height
    if height >= 8:
        assert shown[-1] == "q quit"
        assert any(line.startswith("gunicorn master ") for line in shown[1:])
    if height == 24:
        assert any("more; a higher window shows them" in line for line in shown)


@pytest.mark.parametrize("view", SAMPLES.values(), ids=SAMPLES)
def test_it_is_always_said_that_a_trend_is_no_verdict(view: TreeView) -> None:
    assert TREND in lines(view)
    assert TREND in lines(view, width=80, height=12)


def test_every_column_is_there_where_there_is_room() -> None:
    header, master, *_ = table(QUIET, width=140)
    names = "process PID RSS USS PSS RSS per minute CPU thr fds oom curve of RSS"
    assert header.split() == names.split()
    assert master.split()[:3] == ["gunicorn", "master", "100"]
    assert "51.0 MiB" in master
    assert "+0 ±102 KiB" in master
    assert master.split()[-5:-1] == ["12%", "3", "17", "667"]


def test_columns_that_do_not_fit_are_left_out_and_named() -> None:
    shown = lines(QUIET, width=80)
    header = next(line for line in shown if line.startswith("process"))
    missing = next(line for line in shown if line.startswith("left out at this width: "))
    for name in missing.removeprefix("left out at this width: ").split(", "):
        assert f" {name} " not in header
    assert {"PID", "RSS", "CPU"} <= set(header.split())
    assert not any("left out" in line for line in lines(QUIET, width=140))


def test_growth_of_all_together_foretells_when_the_limit_is_met() -> None:
    head = lines(GROWING)[:4]
    assert head[0] == "gunicorn master (PID 100)  3 processes, watched for 10 min 00 s, every 2 s"
    assert head[1] == "RSS 500 MiB  USS 250 MiB  PSS 253 MiB  growth +1.00 ±0.20 MiB per minute (PSS)"
    assert head[2] == "limit 1.00 GiB (cgroup v2 /web), 600 MiB left"
    assert head[3] == "full in 10 h 00 min (8 h 20 min to 12 h 30 min) if this goes on"


def test_without_growth_nothing_is_foretold() -> None:
    assert lines(QUIET)[3] == "not seen to fill up"
    assert not any("full in" in line for line in lines(QUIET))
    assert lines(replace(QUIET, limit=None))[2] == "memory limit not known"
    assert "(this machine)" in lines(replace(QUIET, limit=replace(QUIET.limit, source="host")))[2]  # type: ignore[type-var]


def test_as_long_as_there_are_too_few_readings_it_is_said_when_there_will_be_enough() -> None:
    young = replace(YOUNG, readings=11)
    assert lines(young)[1].endswith("growth known in 58.0 s")
    assert "in 58.0 s" in table(young)[1]
    assert lines(young, going_on=False)[1].endswith("growth \N{EN DASH}")


def test_what_cannot_be_read_is_a_dash_and_a_line_says_why() -> None:
    row = table(HIDDEN)[1].split()
    assert row.count("\N{EN DASH}") == 3
    assert HIDDEN.notes[0] in lines(HIDDEN)
    assert lines(HIDDEN)[1].startswith("RSS 100 MiB  growth ")


def test_what_has_ended_is_told() -> None:
    assert "ended: gunicorn worker 9 (99) 1 min 00 s ago at 90.0 MiB" in lines(QUIET)


@pytest.mark.parametrize(
    ("sort", "order"),
    [("birth", [100, 101, 102]), ("rss", [102, 100, 101]), ("growth", [102, 100, 101]), ("cpu", [101, 100, 102])],
)
def test_the_table_is_sorted_as_wanted(sort: str, order: list[int]) -> None:
    busy = replace(GROWING.processes[1], cpu_share=0.9)
    view = replace(GROWING, processes=(GROWING.processes[0], busy, GROWING.processes[2]))
    rows = table(view, sort=sort)[1:]
    assert [next(int(word) for word in row.split() if word in {"100", "101", "102"}) for row in rows] == order
    assert sort in SORTS


def test_only_growth_that_is_told_from_none_has_a_colour() -> None:
    tones = {part.strip(): tone for line in render(GROWING, Look()) for part, tone in line}
    assert tones["+1.00 ±0.20 MiB"] == "rising"
    assert tones["+0 ±102 KiB"] == ""
    falling = a_view(a_process(100, growth=Trend(-MIB, -2.0 * MIB, -0.5 * MIB, 60.0)))
    assert {tone for line in render(falling, Look()) for part, tone in line if part.strip().startswith("-")} == {
        "falling"
    }


def test_names_cannot_act_on_the_terminal() -> None:
    shown = text(SAMPLES["nasty"], Look())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\n") == len(shown.splitlines())


@pytest.mark.parametrize(
    ("trend", "cell"),
    [
        (None, "\N{EN DASH}"),
        (Trend(MIB / 60, 0.59 * MIB / 60, 1.41 * MIB / 60, 1), "+1.00 ±0.41 MiB"),
        (Trend(12.34 * MIB / 60, 12 * MIB / 60, 12.68 * MIB / 60, 1), "+12.3 ±0.3 MiB"),
        (Trend(-250 * 1024 / 60, -300 * 1024 / 60, -200 * 1024 / 60, 1), "-250 ±50 KiB"),
        (Trend(0.0, -17.77 * 1024 / 60, 17.77 * 1024 / 60, 1), "+0.0 ±17.8 KiB"),
        (Trend(1.0, 0.5, 1.5, 1), "+60 ±30 B"),
    ],
)
def test_growth_and_half_its_interval_are_in_one_unit(trend: Trend | None, cell: str) -> None:
    assert growth_cell(trend) == cell


def test_a_curve_rises_from_left_to_right() -> None:
    assert sparkline([MIB * number for number in range(8)], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([MIB * number for number in range(6)], 6, unicode=False) == "_.-=*#"
    assert sparkline([], 8) == ""
    assert sparkline([100 * MIB], 8) == "▁"


def test_what_moves_by_little_looks_flat() -> None:
    assert sparkline([500 * MIB, 500 * MIB + 300_000, 500 * MIB], 3) == "▁▁▁"


def test_a_peak_between_two_columns_is_not_lost() -> None:
    levels = [10 * MIB] * 100
    levels[37] = 500 * MIB
    assert "█" in sparkline(levels, 10)
