from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from math import inf
from typing import Any

import jsonschema
import pytest

from conftest import ROOT
from leakhunt.model.comparison import Comparison, Difference, Rate
from leakhunt.reports.compare_json import render
from unit.reports.comparison_samples import COMPARISONS, FIXED, WORSE, nasty_comparison
from unit.reports.golden import assert_as_in_golden

EVERY_SAMPLE = pytest.mark.parametrize(
    "comparison", [*COMPARISONS.values(), nasty_comparison()], ids=[*COMPARISONS, "nasty"]
)


def schema() -> Any:
    return json.loads(resources.files("leakhunt.reports").joinpath("templates/compare.schema.json").read_text("utf-8"))


def validate(document: Any) -> None:
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(("name", "comparison"), COMPARISONS.items(), ids=COMPARISONS)
def test_the_json_reads_as_agreed(name: str, comparison: Comparison) -> None:
    assert_as_in_golden(render(comparison), f"compare-{name}.json")


@EVERY_SAMPLE
def test_every_comparison_obeys_the_published_schema(comparison: Comparison) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validate(json.loads(render(comparison)))


def test_growth_with_time_and_open_intervals_obey_it_too() -> None:
    memory = FIXED.routes[0].memory
    unknown = replace(memory, before=Rate(5.0, (-inf, inf), leaks=False), difference=Difference(5.0, (-inf, inf)))
    document = json.loads(render(replace(FIXED, background=unknown)))
    validate(document)
    assert document["background"]["before_interval"] == [None, None]


@pytest.mark.parametrize("key", ["regression", "background"])
def test_the_schema_wants_a_reason_for_every_null(key: str) -> None:
    document = json.loads(render(COMPARISONS["nothing"]))
    assert document[key] is None
    del document[f"{key}_reason"]
    with pytest.raises(jsonschema.ValidationError):
        validate(document)


def test_the_schema_knows_every_key() -> None:
    document = json.loads(render(WORSE))
    with pytest.raises(jsonschema.ValidationError):
        validate({**document, "surprise": 1})


def test_a_fix_says_by_how_much() -> None:
    document = json.loads(render(FIXED))
    assert (document["change"], document["regression"]) == ("fixed", False)
    (rate,) = document["routes"][0]["rates"]
    assert rate["before"] == pytest.approx(2_202_009.6)
    assert rate["difference_interval"][1] < 0
    assert rate["after_interval"][1] < rate["budget"]


def keys_of(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = set(node.get("properties", {}))
        return own.union(*(keys_of(value) for value in node.values())) if node else own
    if isinstance(node, list):
        return set().union(*(keys_of(value) for value in node))
    return set()


def test_the_documentation_has_every_key_of_the_schema() -> None:
    page = (ROOT / "docs/reference/compare.md").read_text()
    assert {key for key in keys_of(schema()) if not key.endswith("_reason") and f"`{key}`" not in page} == set()
