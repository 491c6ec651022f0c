from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from leakhunt.model.report import BackgroundReport, Interval, Report, Verdict
from leakhunt.reports.json_ import render
from unit.reports.golden import assert_as_in_golden
from unit.reports.samples import LEAK, NASTY, SAMPLES, hollow, nasty

EVERY_SAMPLE = pytest.mark.parametrize(
    "report", [*SAMPLES.values(), nasty(), hollow()], ids=[*SAMPLES, "nasty", "hollow"]
)

FIXED_KEYS = {
    "schema": (),
    "judgement": ("verdict", "reasons", "provisional"),
    "routes": (
        *("route", "requests", "bytes_per_request", "bytes_per_request_interval"),
        *("live_bytes_per_request", "peak_bytes_per_request", "amplification"),
    ),
    "suspects": (
        *("route", "bytes_per_request", "type", "cause", "site", "library"),
        *("stack", "path", "path_nodes", "fingerprint", "origin"),
    ),
    "workers": (),
    "caveats": (),
    "cost": ("cpu_fraction", "memory_bytes", "longest_pause_s"),
}


def schema() -> Any:
    return json.loads(resources.files("leakhunt.reports").joinpath("templates/report.schema.json").read_text("utf-8"))


@pytest.mark.parametrize(("name", "report"), SAMPLES.items(), ids=SAMPLES)
def test_the_json_reads_as_agreed(name: str, report: Report) -> None:
    assert_as_in_golden(render(report), f"report-{name}.json")


@EVERY_SAMPLE
def test_every_report_obeys_the_published_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(render(report)), schema(), cls=jsonschema.Draft202012Validator)


def test_a_worker_whose_requests_are_not_known_obeys_the_schema_too() -> None:
    report = next(each for each in SAMPLES.values() if each.workers)
    unknown = replace(report, workers=tuple(replace(worker, requests=None) for worker in report.workers))
    document = json.loads(render(unknown))
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)
    assert document["workers"][0]["requests_reason"] == "nothing tells which requests it got"


@pytest.mark.parametrize("interval", [(4_900.0, 5_100.0), (4_900.0, float("inf")), None])
def test_what_grows_with_time_stands_beside_the_routes(interval: Interval | None) -> None:
    timer = replace(LEAK.suspects[0], route="background", bytes_per_request=None, bytes_per_second=5_000.0)
    background = BackgroundReport(Verdict.LEAK, ("it grows",), 31.4, 5_000.0, interval, "live")
    document = json.loads(render(replace(LEAK, background=background, suspects=(timer,))))
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)
    found = document["background"]
    assert (found["verdict"], found["reasons"], found["seconds"]) == ("LEAK", ["it grows"], 31.4)
    assert (found["bytes_per_second"], found["bytes_per_second_basis"]) == (5_000.0, "live")
    assert ("bytes_per_second_interval_reason" in found) is (interval is None)
    (suspect,) = document["suspects"]
    assert (suspect["bytes_per_second"], suspect["count_per_second"]) == (5_000.0, None)
    assert suspect["count_per_second_reason"]


@EVERY_SAMPLE
def test_the_keys_that_others_rely_on_are_there(report: Report) -> None:
    document = json.loads(render(report))
    for key, inner in FIXED_KEYS.items():
        one = document[key]
        for item in one if isinstance(one, list) else [one]:
            assert not inner or set(inner) <= set(item)


def nulls_without_a_reason(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from nulls_without_a_reason(one, f"{where}[]")
    if isinstance(value, dict):
        for key, one in value.items():
            if one is None and not value.get(f"{key}_reason"):
                yield f"{where}.{key}"
            yield from nulls_without_a_reason(one, f"{where}.{key}")


@EVERY_SAMPLE
def test_every_null_says_why(report: Report) -> None:
    asked_for_nothing = {".plan.workers", ".plan.threads", ".plan.max_requests", ".plan.memory_limit"}
    assert set(nulls_without_a_reason(json.loads(render(report)))) <= asked_for_nothing


def test_a_worker_that_was_alive_at_the_end_says_so() -> None:
    alive = replace(LEAK.workers[0], lived=None)
    (worker,) = json.loads(render(replace(LEAK, workers=(alive,))))["workers"]
    assert worker["lived_reason"] == worker["death_reason"] == "it was alive when the run ended"


def test_an_open_interval_is_still_json() -> None:
    open_ended = replace(LEAK.routes[0], bytes_per_request_interval=(1.0, float("inf")))
    document = json.loads(render(replace(LEAK, routes=(open_ended,))))
    assert document["routes"][0]["bytes_per_request_interval"] == [1.0, None]


def test_text_from_the_target_comes_through_unchanged() -> None:
    assert json.loads(render(nasty()))["suspects"][0]["path"] == NASTY


def test_the_schema_refuses_a_report_without_a_verdict() -> None:
    document = json.loads(render(LEAK))
    del document["judgement"]["verdict"]
    with pytest.raises(jsonschema.ValidationError, match="verdict"):
        jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)


def test_every_key_and_every_cause_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "report-schema.md").read_text(encoding="utf-8")
    for key in keys(json.loads(render(LEAK))) - {"VARIANT", "chdir", "live", "200", "201"} - set(LEAK.conditions):
        assert f"`{key}`" in text, key
    for cause in schema()["$defs"]["cause"]["enum"]:
        assert f"| `{cause}` |" in text


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return {key for one in value for key in keys(one)}
    if isinstance(value, dict):
        own = {key for key in value if not key.endswith("_reason")}
        return own | {key for one in value.values() for key in keys(one)}
    return set()
