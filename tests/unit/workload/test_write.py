"""A workload that is written and read again is the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from leakhunt.workload.flags import workload_from_flags
from leakhunt.workload.load import load_workload, read_workload
from leakhunt.workload.scenario import Expect, FilePart, SizeRange, Step, Workload
from leakhunt.workload.table import parse_document
from leakhunt.workload.write import workload_flags, workload_toml

WORKLOADS = sorted(path for path in ROOT.glob("examples/*/*.toml") if path.name != "pyproject.toml")
EVERYTHING = """
concurrency = 3
inputs = "repeated"
setup = [["{python}", "-c", "print(\\"ready\\")"]]
env = { DATABASE_URL = "sqlite:///a b", "odd.name" = "1" }
[login]
path = "/login/"
form = { username = "tester", password = "geheim" }
csrf = "django"
expect = [302]
[[companion]]
name = "celery"
command = ["celery", "worker"]
ready = { log = "ready." }
[[companion]]
name = "redis"
command = ["redis-server"]
[[step]]
name = "photos"
path = "/photos?i={n}"
weight = 2.5
headers = { X-Team = "blue" }
form = { "with space" = "ümläut \\"quoted\\" \\\\ \\n\\t\\u007f" }
files = [
  { field = "a", kind = "image", size = "300KB..2MB", megapixels = 1.5, name = "x{n}.png" },
  { field = "a", kind = "random", size = "1KB", contents = "repeated" },
]
expect = [200, 413]
think = 0.25
retries = 2
timeout = 5.0
[[step]]
name = "orders"
method = "PUT"
path = "/orders"
json = { items = [{ id = 1, price = 2.5, new = true }], note = "x{n}", empty = {} }
once = true
[[step]]
name = "raw"
path = "/raw"
body = "a=b"
fault = "truncated"
"""


def read_again(workload: Workload) -> Workload:
    text = workload_toml(workload)
    assert text is not None
    return read_workload(parse_document(text, workload.source).root(), workload.source)


def test_everything_that_a_workload_file_can_say_survives() -> None:
    workload = read_workload(parse_document(EVERYTHING, "w.toml").root(), "w.toml")
    assert read_again(workload) == workload


@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.name)
def test_the_workloads_of_the_examples_survive(path: Path) -> None:
    workload = load_workload(path)
    assert read_again(workload) == workload


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_survives(value: str, name: str) -> None:
    workload = Workload("w.toml", (Step("a", "POST", "/a", form={name: value}),))
    assert read_again(workload) == workload


def test_a_body_that_is_no_text_cannot_be_written() -> None:
    assert workload_toml(Workload("command line", (Step("raw", "POST", "/raw", body=b"\xff\xfe"),))) is None


# --- Flags. ---------------------------------------------------------------------------------------------------------


UPLOAD = Step("x", "POST", "/photos", files=(FilePart("photo", "image", SizeRange(65536, 70000)),))


def test_plain_uploads_and_requests_can_be_typed() -> None:
    assert workload_flags(Workload("w.toml", (UPLOAD,))) == (
        ("--upload", "POST /photos"),
        ("--file", "photo=image:65536B..70000B"),
    )
    assert workload_flags(Workload("w.toml", (Step("x", "GET", "/search?q={n}", weight=3.0),))) == (
        ("--request", "GET /search?q={n}"),
    )


def test_what_is_typed_means_the_same() -> None:
    flags = workload_flags(Workload("w.toml", (UPLOAD,)))
    assert flags is not None
    values = [shlex.split(shlex.quote(value))[0] for _, value in flags]
    read = workload_from_flags(values[:1], values[1:])
    assert read is not None
    assert read.steps == (replace(UPLOAD, name="POST /photos"),)


@pytest.mark.parametrize(
    "step",
    [
        replace(UPLOAD, form={"title": "x"}),
        replace(UPLOAD, headers={"X-Team": "blue"}),
        replace(UPLOAD, fault="truncated"),
        replace(UPLOAD, expect=Expect((400,))),
        replace(UPLOAD, files=(replace(UPLOAD.files[0], megapixels=9.0),)),
        Step("x", "POST", "/orders", json={"a": 1}),
        Step("x", "POST", "/orders", body=b"password=geheim"),
        Step("x", "GET", "/search?token=geheim"),
    ],
)
def test_what_flags_cannot_say_or_should_not_show_goes_into_a_file(step: Step) -> None:
    assert workload_flags(Workload("w.toml", (step,))) is None


def test_more_than_steps_goes_into_a_file() -> None:
    assert workload_flags(Workload("w.toml", (UPLOAD,), env={"A": "1"})) is None
    assert workload_flags(Workload("w.toml", (UPLOAD, replace(UPLOAD, name="y", path="/other")))) is None
