"""What agents add to a watched tree, as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.model.view import TreeView
from leakhunt.reports.phrases import NOT_MEASURED
from leakhunt.reports.watch import Look, text
from unit.reports.watch_samples import (
    ATTACHING,
    FIRST_LOOK,
    GROWING,
    MANY,
    REFUSED,
    SAMPLES,
    TYPED,
    a_type,
    attached,
)


def lines(view: TreeView, width: int = 140, height: int | None = None) -> list[str]:
    return text(view, Look(width=width, height=height, hint="q quit")).splitlines()


def cells(view: TreeView, name: str) -> list[str]:
    shown = lines(view)
    at = next(line for line in shown if line.startswith("process"))
    end = at.index(name) + len(name)
    start = shown.index(at)
    return [line[:end].split()[-1] for line in shown[start + 1 : start + 1 + len(view.processes)]]


def test_the_types_stand_below_the_processes_the_fastest_first() -> None:
    shown = lines(TYPED)
    heading = next(number for number, line in enumerate(shown) if line.startswith("types that have grown"))
    assert shown[heading].endswith("20 looks into the heaps, the last 10.0 s ago")
    assert shown[heading + 1].split() == ["type", "count", "size", "more", "grown", "by", "per", "minute"]
    assert shown[heading + 2].split() == ["bytes", "1,200", "30.0", "MiB", "+600", "+20.0", "MiB", "+2.00", "MiB"]
    assert shown[heading + 3].split()[0] == "shop.models.Order"


def test_after_one_look_there_are_sizes_and_no_growth() -> None:
    shown = lines(FIRST_LOOK)
    heading = next(number for number, line in enumerate(shown) if line.startswith("largest types"))
    assert "growth takes a second look" in shown[heading]
    assert shown[heading + 2].split() == ["bytes", "1,200", "30.0", "MiB"]


def test_that_nothing_has_grown_is_said() -> None:
    assert any(line.startswith("no type has grown since the first look") for line in lines(attached(GROWING)))


def test_requests_are_told_for_each_worker_and_in_all() -> None:
    assert cells(TYPED, "req/s") == [NOT_MEASURED, "12.5", "12.5"]
    assert "attached to 2 of 2, 25.0 requests/s, stood still 4 ms to attach, 2 ms to look inside" in lines(TYPED)
    assert "req/s" not in "".join(lines(GROWING))


def test_a_worker_that_could_not_be_attached_to_says_so_in_its_row() -> None:
    assert cells(REFUSED, "req/s") == [NOT_MEASURED, "12.5", "attached"]
    (row,) = (line for line in lines(REFUSED) if line.startswith("gunicorn worker 2"))
    assert "not attached" in row
    assert "PID 7: not attached, for it is not Python." in lines(REFUSED)
    assert "Snapshot 1 of 1 worker is in run." in lines(REFUSED)


def test_while_it_is_attached_to_that_is_said() -> None:
    assert cells(ATTACHING, "req/s") == [NOT_MEASURED, "attaching", "attaching"]
    assert "Attaching." in lines(ATTACHING, width=40, height=10)


@pytest.mark.parametrize(
    "view", [TYPED, FIRST_LOOK, REFUSED, ATTACHING], ids=["typed", "first", "refused", "attaching"]
)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50), (40, 12), (20, 6)])
def test_it_fits_any_terminal(view: TreeView, width: int, height: int) -> None:
    shown = lines(view, width, height)
    assert len(shown) <= height
    assert max(map(len, shown)) <= width
    if height >= 12:
        assert shown[-1] == "q quit"
        assert any(line.startswith("gunicorn master ") for line in shown[1:])


def test_types_keep_some_lines_beside_many_processes() -> None:
    crowd = attached(MANY, *(a_type(f"kind{number}") for number in range(10)))
    shown = lines(crowd, 80, 24)
    assert len(shown) <= 24
    assert sum(line.startswith("kind") for line in shown) >= 2
    assert any("more; a higher window shows them" in line for line in shown)


def test_names_cannot_act_on_the_terminal() -> None:
    assert "\x1b" not in "".join(lines(SAMPLES["typed"]))
    evil = replace(TYPED, inside=replace(TYPED.inside, event="run\x1b[2J")) if TYPED.inside else TYPED
    assert "\x1b" not in "".join(lines(evil))
