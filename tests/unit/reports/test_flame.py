from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from leakhunt.reports.flame import boxes, render
from unit.reports.samples import IMAGE_STACK, LEAK, TRUNCATED, VIDEO_STACK, nasty


def test_a_box_is_as_wide_as_what_its_stacks_keep() -> None:
    drawn = boxes(replace(LEAK, flame=((VIDEO_STACK, 3.0), (IMAGE_STACK, 1.0))))
    widths = {(box.depth, box.name.split()[0]): box.width for box in drawn}
    assert widths[0, "everything"] == pytest.approx(960)
    assert widths[1, "_get_response"] == pytest.approx(960)
    assert widths[2, "upload_video"] == pytest.approx(720)
    assert widths[2, "upload_image"] == pytest.approx(240)


def test_callers_stand_above_and_enclose_what_they_call() -> None:
    drawn = boxes(LEAK)
    for box in drawn[1:]:
        assert any(
            above.depth == box.depth - 1
            and above.x - 1e-9 <= box.x
            and box.x + box.width <= above.x + above.width + 1e-9
            for above in drawn
        )


def test_libraries_look_unlike_the_application() -> None:
    kinds = {box.name.split()[0]: box.kind for box in boxes(LEAK)}
    assert kinds["enqueue"] == "application"
    assert kinds["_get_response"] == "library"


def test_boxes_too_thin_to_see_are_left_out() -> None:
    drawn = boxes(replace(LEAK, flame=((VIDEO_STACK, 1e6), (IMAGE_STACK, 1.0))))
    assert not any("upload_image" in box.name for box in drawn)


def test_without_stacks_there_is_no_graph() -> None:
    assert render(TRUNCATED) is None
    assert render(replace(LEAK, suspects=(), flame=((IMAGE_STACK, 0.0), (VIDEO_STACK, -5.0)))) is None


def test_names_from_the_target_are_escaped() -> None:
    drawing = render(nasty())
    assert drawing is not None
    assert "<script" not in drawing
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(drawing).iter()}
    assert tags == {"svg", "g", "title", "rect", "text"}


def test_the_stacks_of_the_suspects_are_drawn_where_there_are_no_others() -> None:
    drawn = boxes(replace(LEAK, flame=()))
    assert {"enqueue", "upload_video"} <= {box.name.split()[0] for box in drawn}
