"""What a request is made of, and what is left of it without some parts."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.workload.parts import described, is_sound, parts_of, with_parts
from leakhunt.workload.scenario import FilePart, SizeRange, Step, Workload

PHOTO = FilePart("photo", "image", SizeRange(65536, 65536))
UPLOAD = Step(
    *("upload", "POST", "/upload?album={n}&token=geheim"),
    headers={"X-Team": "blue"},
    form={"title": "t{n}", "place": "here"},
    files=(PHOTO, PHOTO),
)
ORDER = Step("order", "POST", "/orders", json={"item": "saddle", "count": 3})
RAW = Step("raw", "PUT", "/raw", body=b"x")


def test_every_part_is_listed_in_the_order_of_the_request() -> None:
    told = [str(part) for part in parts_of(UPLOAD)]
    assert told == [
        *("query album", "query token", "header X-Team", "field title", "field place", "file photo", "file photo")
    ]
    assert [str(part) for part in parts_of(ORDER)] == ["JSON key item", "JSON key count"]
    assert [str(part) for part in parts_of(RAW)] == ["body"]
    assert list(parts_of(Step("bare", "GET", "/"))) == []
    assert list(parts_of(replace(ORDER, json=[1, 2]))) == []  # a list has no keys, and is sent as it is


def test_with_all_parts_nothing_changes_and_without_any_the_bare_request_is_left() -> None:
    workload = Workload("w.toml", (UPLOAD, ORDER, RAW))
    parts = [part for step in workload.steps for part in parts_of(step)]
    assert with_parts(workload, parts) == workload
    bare = with_parts(workload, [])
    assert bare.steps == (
        Step("upload", "POST", "/upload"),
        Step("order", "POST", "/orders", json={}),
        Step("raw", "PUT", "/raw"),
    )


def test_each_part_can_be_left_out_alone() -> None:
    workload = Workload("w.toml", (UPLOAD,))
    parts = list(parts_of(UPLOAD))
    without = [with_parts(workload, [other for other in parts if other != part]).steps[0] for part in parts]
    assert [step.path for step in without[:2]] == ["/upload?token=geheim", "/upload?album={n}"]
    assert without[2].headers == {}
    assert [dict(step.form) for step in without[3:5]] == [{"place": "here"}, {"title": "t{n}"}]
    assert [len(step.files) for step in without[5:]] == [1, 1]


def test_steps_that_are_sent_once_stay_as_they_are() -> None:
    workload = Workload("w.toml", (replace(UPLOAD, once=True), RAW))
    assert with_parts(workload, []).steps == (workload.steps[0], Step("raw", "PUT", "/raw"))


def test_a_workload_needs_a_step_to_repeat_and_a_broken_request_a_body() -> None:
    assert is_sound(Workload("w.toml", (UPLOAD,)))
    assert not is_sound(Workload("w.toml", ()))
    assert not is_sound(Workload("w.toml", (replace(UPLOAD, once=True),)))
    assert not is_sound(Workload("w.toml", (Step("bare", "POST", "/", fault="malformed"),)))
    assert is_sound(Workload("w.toml", (Step("bare", "POST", "/", fault="disconnect"),)))


def test_a_description_names_what_is_sent_and_no_value() -> None:
    told = described(replace(UPLOAD, files=(PHOTO,), fault="truncated"))
    expected = "POST /upload?album={n}&token=*** with field title, field place, file photo (image, 64.0 KiB), "
    assert told == expected + "truncated on purpose"
    assert described(Step("bare", "GET", "/")) == "GET /"
