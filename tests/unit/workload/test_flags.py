from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.workload.flags import parse_file, parse_headers, workload_from_flags
from leakhunt.workload.scenario import FilePart, SizeRange, Step


def steps(**flags: list[str]) -> tuple[Step, ...]:
    workload = workload_from_flags(**flags)
    assert workload is not None
    return workload.steps


def test_nothing_asked_for_is_no_workload() -> None:
    assert workload_from_flags() is None


def test_an_upload_and_its_file_make_a_post() -> None:
    (step,) = steps(uploads=["/images/"], files=["file=image:300KB..2MB"])
    assert step == Step(
        "POST /images/", "POST", "/images/", files=(FilePart("file", "image", SizeRange(300_000, 2_000_000)),)
    )


def test_several_files_go_into_one_upload() -> None:
    (step,) = steps(uploads=["/a/"], files=["a=image:1MB", "b=image/png:2MB"])
    assert [part.kind for part in step.files] == ["image", "image/png"]


def test_one_file_is_for_all_uploads_and_as_many_files_are_paired_in_order() -> None:
    both = steps(uploads=["/a/", "PUT /b/"], files=["f=random:1KB"])
    assert [(step.method, step.path, step.files[0].kind) for step in both] == [
        ("POST", "/a/", "random"),
        ("PUT", "/b/", "random"),
    ]
    paired = steps(uploads=["/a/", "/b/"], files=["f=random:1KB", "f=video:1MB"])
    assert [step.files[0].kind for step in paired] == ["random", "video"]


def test_a_request_is_a_get_unless_it_has_a_body_or_says_otherwise() -> None:
    assert [step.method for step in steps(requests=["/a", "delete /b"])] == ["GET", "DELETE"]
    assert [step.method for step in steps(requests=["/a"], bodies=["x=1"])] == ["POST"]


def test_one_body_is_for_all_requests_and_as_many_are_paired_in_order(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(b'{"i": {n}}')
    assert [step.body for step in steps(requests=["/a", "/b"], bodies=["x"])] == [b"x", b"x"]
    assert [step.body for step in steps(requests=["/a", "/b"], bodies=[f"@{file}", "y"])] == [b'{"i": {n}}', b"y"]


def test_the_same_path_twice_makes_two_steps() -> None:
    assert [step.name for step in steps(requests=["/a?i=1", "/a?i=2"])] == ["GET /a?i=***", "GET /a?i=*** (2)"]


def test_headers_are_read_and_a_bad_one_is_refused_without_telling_its_value() -> None:
    assert parse_headers(["Host: a.example", "X-Empty:"]) == {"Host": "a.example", "X-Empty": ""}
    with pytest.raises(UsageError) as caught:
        parse_headers(["hunter2"])
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_a_header_that_follows_from_the_body_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--header {name} follows from the body") as caught:
        parse_headers([f"{name}: 3"])
    assert 'fault = "truncated"' in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("file", "FIELD=KIND:SIZE", "--file file=image:1MB"),
        ("file=image", "FIELD=KIND:SIZE", "--file"),
        ("=image:1MB", "FIELD=KIND:SIZE", "--file"),
        ("file=imgae:1MB", "'imgae'", "`image`"),
        ("file=image:huge", "no size", "--file"),
        ("file=image:1MB..", "no size", "--file"),
        ("file=document:10", "at least", "--file"),
        ("file=video:99999TB", "at most 1000 GB", "--file"),
    ],
)
def test_a_file_flag_that_cannot_be_read_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_file(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"uploads": ["/a"]}, "needs a --file"),
        ({"files": ["f=random:1KB"]}, "needs an --upload"),
        ({"bodies": ["x"]}, "needs a --request"),
        ({"uploads": ["/a", "/b", "/c"], "files": ["f=random:1KB"] * 2}, "2 --file cannot be paired with 3 --upload"),
        ({"requests": ["/a"], "bodies": ["x", "y"]}, "2 --body cannot be paired with 1 --request"),
        ({"requests": ["FETCH /a"]}, "FETCH"),
        ({"requests": ["a"]}, "slash"),
        ({"requests": ["/\udcff"]}, "UTF-8"),
        ({"requests": ["/a"], "bodies": ["@/no/such/file"]}, "No such file"),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        workload_from_flags(**flags)
    assert message in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_body_goes_out_as_the_bytes_that_were_typed() -> None:
    workload = workload_from_flags(requests=["/a"], bodies=["\xe9\udcff"])
    assert workload is not None
    assert workload.steps[0].body == b"\xc3\xa9\xff"
