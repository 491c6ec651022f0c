"""Formats that leakhunt writes for others, each validated by its schema: tests/schemas tells where these are from."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jsonschema
import xmlschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families

_SCHEMAS: Final = Path(__file__).parent / "schemas"


def valid_sarif(text: str) -> Any:
    """The log, once it is valid SARIF 2.1.0."""
    document = json.loads(text)
    _sarif().validate(document)
    return document


def valid_code_quality(text: str) -> Any:
    """The entries, once GitLab would take them; their fingerprints have to differ."""
    entries = json.loads(text)
    jsonschema.validate(entries, _json("codequality.schema.json"), cls=jsonschema.Draft202012Validator)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    return entries


def valid_junit(text: str) -> None:
    """Nothing, once Jenkins would take it."""
    _junit().validate(text)


def valid_open_metrics(text: str) -> dict[str, dict[str, float]]:
    """Values by metric and route ("" without one), once the strict parser has read them."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # it has no annotations
    return {
        family.name: {sample.labels.get("route", ""): sample.value for sample in family.samples} for family in families
    }


def valid_report(text: str) -> Any:
    """report.json, once it obeys its published schema."""
    document = json.loads(text)
    schema = resources.files("leakhunt.reports").joinpath("templates/report.schema.json").read_text("utf-8")
    jsonschema.validate(document, json.loads(schema), cls=jsonschema.Draft202012Validator)
    return document


@cache
def _sarif() -> jsonschema.Draft4Validator:
    schema = _json("sarif-2.1.0-rtm.5.json")
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


@cache
def _junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(_SCHEMAS / "junit-10.xsd")


def _json(name: str) -> Any:
    return json.loads((_SCHEMAS / name).read_text(encoding="utf-8"))
