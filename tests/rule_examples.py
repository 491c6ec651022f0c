"""The examples of docs/reference/rules.md, and rules tried on a few lines of source."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conftest import ROOT
from leakhunt.scan.base import Hit
from leakhunt.scan.containers import emptied
from leakhunt.scan.needs import NEEDED
from leakhunt.scan.read import parse_module
from leakhunt.scan.registry import RULES
from leakhunt.scan.scanning import look
from leakhunt.scan.singletons import made_at_import

_SECTION = re.compile(r"^## (LH\d+): ", re.MULTILINE)
_EXAMPLE = re.compile(r'^```python title="(bad|good)(?:: ([^"]+))?"\n(.*?)^```', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One block of code of one rule."""

    kind: str
    file: str
    source: str


def examples(rule: str) -> list[Example]:
    """The examples below the heading of `rule`."""
    _, *parts = _SECTION.split((ROOT / "docs" / "reference" / "rules.md").read_text())
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    return [Example(kind, file or "app.py", source) for kind, file, source in _EXAMPLE.findall(texts[rule])]


def hits(rule: str, source: str, file: str = "app.py") -> list[Hit]:
    """What one rule, and no other, has to say of `source`."""
    chosen = [each for each in RULES if each.name == rule]
    module = parse_module(source, file, "app", frozenset(type_ for each in chosen for type_ in each.nodes) | NEEDED)
    return [
        hit
        for _, hit in look(module, chosen)
        if hit.unless_emptied not in emptied(module) and hit.unless_global not in made_at_import(module)
    ]


def lines(rule: str, source: str, file: str = "app.py") -> list[int]:
    """The lines that the rule objects to."""
    return [getattr(hit.node, "lineno", 0) for hit in hits(rule, source, file)]


def check_examples(rule: str) -> None:
    """The bad examples are found, with a message, and the good ones are not."""
    found = examples(rule)
    assert {example.kind for example in found} == {"bad", "good"}
    for example in found:
        hit = hits(rule, example.source, example.file)
        assert bool(hit) == (example.kind == "bad"), example
        assert all(each.message.endswith((".", ":")) for each in hit)
