"""LH123: metrics with a label for every path, user or message."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.serving import is_request

_ENDLESS: Final = frozenset((
    "path", "path_info", "full_path", "url", "base_url", "user", "remote_addr", "user_agent", "query_string", "args",
    "body", "GET", "POST", "headers", "META", "session", "host",
))  # fmt: skip
_CALLS: Final = frozenset(("get_full_path", "build_absolute_uri"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "labels":
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        label = next((part for part in module.traced(argument) if _is_endless(part, module)), None)
        if label is not None:
            text = ast.unparse(label)
            yield Hit(node, f"The metric gets a series for every `{text}`, and keeps each of them.", subject=text)
            return


def _is_endless(node: ast.expr, module: Module) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _ENDLESS | _CALLS and is_request(node.value, module)


RULE: Final = Rule(
    name="LH123",
    title="A metric gets labels from request data",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Use the route's pattern (`request.resolver_match.route`, `request.url_rule`) and not the path.",
    nodes=(ast.Call,),
    check=_check,
)
