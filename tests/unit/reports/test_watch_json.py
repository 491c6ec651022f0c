from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest

from conftest import ROOT
from leakhunt.model.view import TreeView
from leakhunt.reports.watch_json import render
from unit.reports.watch_samples import GROWING, HIDDEN, MIB, QUIET, SAMPLES, YOUNG


def schema() -> Any:
    return json.loads(resources.files("leakhunt.reports").joinpath("templates/watch.schema.json").read_text("utf-8"))


def document(view: TreeView) -> Any:
    line = render(view, at="2026-11-26T10:00:00+00:00")
    assert line.count("\n") == 1
    return json.loads(line)


@pytest.mark.parametrize("view", SAMPLES.values(), ids=SAMPLES)
def test_every_reading_obeys_the_published_schema(view: TreeView) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document(view), schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_wants_a_reason_for_every_null() -> None:
    bare = document(HIDDEN)
    del bare["processes"][0]["uss_reason"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bare, schema(), cls=jsonschema.Draft202012Validator)


def test_growth_is_per_minute_with_its_interval_and_the_forecast_in_seconds() -> None:
    found = document(GROWING)
    assert found["total"]["growth_per_minute"] == pytest.approx(MIB)
    assert found["total"]["growth_interval"] == pytest.approx([0.8 * MIB, 1.2 * MIB])
    assert found["total"]["growth_told"] is True
    assert found["limit"]["full_in_s"] == pytest.approx(36_000)
    assert found["limit"]["full_interval_s"] == pytest.approx([30_000, 45_000])


def test_there_is_no_verdict_and_no_forecast_without_growth() -> None:
    found = document(QUIET)
    assert (found["verdict"], found["verdict_reason"]) == (None, "a trend is no verdict")
    assert found["limit"]["full_in_s"] is None
    assert found["limit"]["full_in_s_reason"] == "no growth is told from none"
    assert found["processes"][0]["growth_told"] is False


def test_too_few_readings_are_a_reason() -> None:
    found = document(YOUNG)
    assert found["processes"][0]["growth_per_minute"] is None
    assert "of the 40 readings that a trend takes" in found["processes"][0]["growth_per_minute_reason"]


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs/reference/watch.md").read_text()
    keys = {key for view in SAMPLES.values() for key in _keys(document(view))}
    assert {key for key in keys if not key.endswith("_reason") and f"`{key}`" not in page} == set()


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()
