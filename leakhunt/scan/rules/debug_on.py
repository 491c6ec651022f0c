"""LH110: settings that leave debugging on, which keeps the log of queries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module

_MEANT: Final = re.compile(r"(dev|local|debug|test|example|sample|demo|default|template|_ci|sandbox)", re.IGNORECASE)
_SERVED: Final = re.compile(r"(^|/)(settings|config|prod|production|live|staging)[^/]*(\.py|/)", re.IGNORECASE)


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Assign) or module.parent(node) is not module.tree:
        return
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    if "DEBUG" not in names or not isinstance(node.value, ast.Constant) or node.value.value is not True:
        return
    scope = module.visit.scopes[module.tree].names
    if "INSTALLED_APPS" not in scope or len(scope["DEBUG"]) > 1 or _MEANT.search(module.file):
        return
    if _SERVED.search(module.file):
        yield Hit(node, "With DEBUG on, Django keeps up to 9000 queries of each connection.", subject="DEBUG")


RULE: Final = Rule(
    name="LH110",
    title="Settings leave DEBUG on",
    severity=Severity.MEDIUM,
    confidence=Confidence.LOW,
    advice='Read it from the environment, off by default: `DEBUG = os.environ.get("DEBUG") == "1"`.',
    nodes=(ast.Assign,),
    check=_check,
)
