"""SARIF 2.1.0, the form in which code hosts and editors take results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from leakhunt import __version__

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "leakhunt/v1"
"""Key of our own fingerprints: without one, hosts make their own of line numbers and text."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    file: str
    """With forward slashes; relative to the root of the repository wherever it can be."""
    line: int
    column: int | None = None
    end_line: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SarifRule:
    """What results refer to by `name`."""

    name: str
    title: str
    help: str
    level: str
    """`error`, `warning` or `note`."""
    precision: str | None = None
    """`very-high`, `high`, `medium` or `low`."""
    tags: tuple[str, ...] = ("memory-leak",)


@dataclass(frozen=True, slots=True)
class SarifResult:
    """One result: something found in the source, or measured and put down to a line of it."""

    rule: str
    message: str
    place: Place
    fingerprint: str
    level: str
    related: tuple[Place, ...] = ()
    """Lines that explain it, such as who holds what leaks."""
    flow: tuple[Place, ...] = ()
    """Steps to it, the outermost first, such as the stack of an allocation."""
    properties: Mapping[str, Any] = field(default_factory=dict)


def render(
    rules: Sequence[SarifRule],
    results: Sequence[SarifResult],
    *,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """One run with all its results. `problems` are told as warnings of the tool, `notes` as its notes."""
    index = {rule.name: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "leakhunt",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": level, "message": {"text": text}}
                    for level, texts in (("warning", problems), ("note", notes))
                    for text in texts
                ],
            }
        ],
        "results": [_result(result, index) for result in results],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: SarifRule) -> dict[str, Any]:
    properties: dict[str, Any] = {"tags": list(rule.tags)}
    if rule.precision is not None:
        properties["precision"] = rule.precision
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": rule.level},
        "properties": properties,
    }


def _result(result: SarifResult, index: Mapping[str, int]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "ruleId": result.rule,
        "level": result.level,
        "message": {"text": result.message},
        "locations": [_location(result.place)],
        "partialFingerprints": {FINGERPRINT: result.fingerprint},
    }
    if result.rule in index:
        document["ruleIndex"] = index[result.rule]
    if result.related:
        document["relatedLocations"] = [{"id": number, **_location(each)} for number, each in enumerate(result.related)]
    if result.flow:
        steps = [{"location": _location(each)} for each in result.flow]
        document["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if result.properties:
        document["properties"] = dict(result.properties)
    return document


def _location(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": dict(_region(place)),
        }
    }
    if place.message is not None:
        location["message"] = {"text": place.message}
    return location


def _region(place: Place) -> Iterator[tuple[str, int]]:
    yield "startLine", max(place.line, 1)
    if place.column is not None:
        yield "startColumn", max(place.column, 1)
    if place.end_line is not None and place.end_line > place.line:
        yield "endLine", place.end_line


def _uri(file: str) -> str:
    """A relative reference, or a file URI where the path is absolute."""
    path = quote(file.replace("\\", "/").removeprefix("./"))
    return f"file://{path}" if path.startswith("/") else path
