from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from builders import App, Kept, explain, record
from leakhunt.analysis.hotspots import find_hotspots, flame_stacks
from leakhunt.model.run import Run
from leakhunt.model.snapshot import Frame

IMAGE, VIDEO = "POST /image", "POST /video"
VIEWS = "/srv/app/shop/views.py"
PILLOW = Frame("/v/lib/python3.12/site-packages/PIL/Image.py", 900, "copy")


def line(number: int, function: str = "upload") -> Frame:
    return Frame(VIEWS, number, function)


def allocates(size: int, *stack: Frame, blocks: float = 1) -> Kept:
    return Kept((), stack=stack, allocated=size, per_request=blocks)


def explained(*steps: tuple[str, Sequence[Kept]]) -> Run:
    run = record(App(routes=(IMAGE, VIDEO)), blocks=1)
    for step, kept in steps:
        run = explain(run, step, kept)
    return run


def test_the_lines_of_a_function_are_one_row_named_by_the_heaviest() -> None:
    run = explained((IMAGE, [allocates(100, line(3)), allocates(900, line(7), blocks=2), allocates(50, line(9))]))
    (row,) = find_hotspots(run)
    assert (row.function, row.file, row.line, row.route) == ("upload", VIEWS, 7, IMAGE)
    assert row.kept_per_request == pytest.approx(1_050)
    assert row.blocks_per_request == pytest.approx(4)


def test_functions_of_one_name_in_two_files_are_two_rows() -> None:
    other = Frame("/srv/app/shop/tasks.py", 3, "upload")
    rows = find_hotspots(explained((IMAGE, [allocates(100, line(3)), allocates(200, other)])))
    assert [row.file for row in rows] == [other.file, VIEWS]


def test_a_function_that_two_routes_call_has_a_row_for_each() -> None:
    run = explained((IMAGE, [allocates(100, line(3))]), (VIDEO, [allocates(700, line(3))]))
    assert [(row.route, row.kept_per_request) for row in find_hotspots(run)] == [(VIDEO, 700), (IMAGE, 100)]


def test_two_steps_of_a_route_are_not_added_up() -> None:
    run = record(App(routes=(IMAGE, VIDEO)), blocks=1, agent=False)
    run = explain(explain(run, IMAGE, [allocates(700, line(3))]), VIDEO, [allocates(1_000, line(3))])
    same = replace(run, routes=dict.fromkeys(run.routes, IMAGE))
    assert [(row.route, row.kept_per_request) for row in find_hotspots(same)] == [(IMAGE, 1_000)]
    assert flame_stacks(same) == (((line(3),), 1_000),)


def test_equal_rows_stand_in_the_order_of_their_lines() -> None:
    rows = find_hotspots(explained((IMAGE, [allocates(100, line(8, "b")), allocates(100, line(3, "a"))])))
    assert [row.function for row in rows] == ["a", "b"]


def test_memory_of_a_library_is_put_down_to_the_line_that_called_it() -> None:
    (row,) = find_hotspots(explained((IMAGE, [allocates(5_000, PILLOW, line(7))])))
    assert (row.function, row.line) == ("upload", 7)


def test_a_file_is_short_from_where_leakhunt_was_run() -> None:
    run = explained((IMAGE, [allocates(100, line(3))]))
    assert [row.short for row in find_hotspots(run)] == [None]
    assert [row.short for row in find_hotspots(replace(run, conditions={"directory": "/srv/app"}))] == ["shop/views.py"]


def test_lines_that_give_back_what_they_take_are_not_hot() -> None:
    run = explained((IMAGE, [allocates(0, line(3), blocks=0), allocates(-80, line(4), blocks=-1)]))
    assert find_hotspots(run) == ()
    assert flame_stacks(run) == ()


def test_the_flame_has_every_stack_on_its_own_the_widest_first() -> None:
    direct, through = (line(7),), (PILLOW, line(7))
    run = explained((IMAGE, [allocates(100, *direct), allocates(5_000, *through)]))
    assert flame_stacks(run) == ((through, 5_000), (direct, 100))


def test_a_run_that_was_never_explained_has_no_rows_and_no_flame() -> None:
    run = record(App(), blocks=1)
    assert (find_hotspots(run), flame_stacks(run)) == ((), ())
