"""The search for the smallest workload, with effects of which the cause is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from leakhunt.workload.scenario import FilePart, Login, SizeRange, Step, Workload
from leakhunt.workload.shrink import Enough, Shrinking, scale

PHOTO = FilePart("photo", "random", SizeRange(1_000_000, 8_000_000))
UPLOAD = Step(
    *("upload", "POST", "/upload"),
    headers={"X-Team": "blue"},
    form={"title": "t{n}", "caption": "c{n}", "place": "here"},
    files=(PHOTO,),
    think=0.5,
)
SEED = Step("seed", "POST", "/seed", once=True)
PAGES = tuple(Step(f"page {number}", "GET", f"/{number}") for number in range(4))
WHOLE = Workload("w.toml", (SEED, *PAGES, UPLOAD), concurrency=4, login=Login("/login/"))


def smallest(shows: Callable[[Workload], bool], whole: Workload = WHOLE, start: str = "upload") -> Workload:
    shrinking = Shrinking(whole, lambda workload, _: shows(workload))
    assert shrinking.run([start])
    assert shrinking.smallest is not None
    return shrinking.smallest


def step_of(workload: Workload, name: str = "upload") -> Step | None:
    return next((step for step in workload.steps if step.name == name), None)


def test_a_leak_of_one_field_leaves_nothing_but_that_field() -> None:
    found = smallest(lambda workload: "caption" in getattr(step_of(workload), "form", {}))
    bare = Step("upload", "POST", "/upload", form={"caption": "c{n}"})
    assert found == Workload("w.toml", (bare,), concurrency=1)


def test_a_leak_that_takes_two_routes_keeps_both_and_no_other() -> None:
    def shows(workload: Workload) -> bool:
        return {"upload", "page 2"} <= {step.name for step in workload.steps}

    assert [step.name for step in smallest(shows).steps] == ["page 2", "upload"]


def test_what_is_sent_once_and_the_sign_in_stay_where_they_are_needed() -> None:
    def shows(workload: Workload) -> bool:
        return workload.login is not None and step_of(workload, "seed") is not None and step_of(workload) is not None

    found = smallest(shows)
    assert [step.name for step in found.steps] == ["seed", "upload"]
    assert found.login == WHOLE.login


def test_a_size_is_found_to_within_twice_what_it_takes() -> None:
    def shows(workload: Workload) -> bool:
        step = step_of(workload)
        return step is not None and any(part.size.high >= 300_000 for part in step.files)

    step = step_of(smallest(shows))
    assert step is not None
    (part,) = step.files
    assert part.size.low == part.size.high
    assert 300_000 <= part.size.high <= 600_000


def test_sizes_that_have_to_differ_stay_different() -> None:
    def shows(workload: Workload) -> bool:
        step = step_of(workload)
        return step is not None and any(part.size.low < part.size.high for part in step.files)

    step = step_of(smallest(shows))
    assert step is not None
    assert step.files == (PHOTO,)


def test_an_error_path_is_kept_where_it_is_what_leaks_and_left_where_it_is_not() -> None:
    broken = replace(WHOLE, steps=(*PAGES, replace(UPLOAD, fault="malformed")))
    needed = step_of(smallest(lambda workload: getattr(step_of(workload), "fault", None) == "malformed", broken))
    assert needed is not None
    assert (needed.fault, needed.has_body) == ("malformed", True)
    spared = step_of(smallest(lambda workload: step_of(workload) is not None, broken))
    assert spared is not None
    assert spared.fault is None or spared.has_body


def test_no_candidate_is_asked_about_twice_and_none_that_cannot_be_replayed() -> None:
    asked: list[Workload] = []

    def shows(workload: Workload) -> bool:
        asked.append(workload)
        return {"title", "caption"} <= set(getattr(step_of(workload), "form", ()))

    smallest(shows)
    assert all(workload.dosed for workload in asked)
    assert not [workload for number, workload in enumerate(asked) if workload in asked[:number]]


def test_a_leak_that_does_not_show_leaves_nothing_to_shrink() -> None:
    asked: list[Workload] = []

    def shows(workload: Workload, _: str) -> bool:
        asked.append(workload)
        return False

    shrinking = Shrinking(WHOLE, shows)
    assert shrinking.run(["upload"])
    assert shrinking.smallest is None
    assert [len(workload.steps) for workload in asked] == [2, len(WHOLE.steps)]


def test_what_was_found_stands_when_time_is_up() -> None:
    asked = 0

    def shows(_: Workload, __: str) -> bool:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise Enough
        return True

    shrinking = Shrinking(WHOLE, shows)
    assert not shrinking.run(["upload"])
    assert shrinking.smallest is not None
    assert len(shrinking.smallest.steps) < len(WHOLE.steps)


def test_every_question_says_in_words_what_is_tried() -> None:
    told: list[str] = []

    def shows(_: Workload, what: str) -> bool:
        told.append(what)
        return "without" not in what

    Shrinking(WHOLE, shows).run(["upload"])
    assert told[:3] == ["only seed, upload", "only upload", "without signing in"]
    assert "the bare request" in told


def test_less_to_upload_is_told_as_a_part_of_what_the_same_files_had() -> None:
    half = replace(PHOTO, size=SizeRange(4_000_000, 4_000_000))
    assert scale(WHOLE, WHOLE) == 1.0
    assert scale(replace(WHOLE, steps=(replace(UPLOAD, files=(half,)),)), WHOLE) == 0.5
    assert scale(replace(WHOLE, steps=(replace(UPLOAD, files=()),)), WHOLE) == 1.0
