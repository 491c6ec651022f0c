"""LH124: results of Celery tasks that never expire."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.constants import is_none, number
from leakhunt.scan.module import Module

_NAMES: Final = frozenset(("CELERY_RESULT_EXPIRES", "CELERY_TASK_RESULT_EXPIRES", "result_expires"))


def _check(node: ast.AST, _: Module) -> Iterator[Hit]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            name = (
                target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
            )
            if name in _NAMES and _is_never(node.value):
                yield _hit(node, name)
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "result_expires" and _is_never(keyword.value):
                yield _hit(keyword.value, "result_expires")


def _hit(node: ast.AST, name: str) -> Hit:
    return Hit(node, f"`{name}` says never: the result of every task that ever ran is kept.", subject=name)


def _is_never(value: ast.expr) -> bool:
    return is_none(value) or number(value) == 0


RULE: Final = Rule(
    name="LH124",
    title="Results of tasks are kept for ever",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    advice="`task_ignore_result = True` where nobody reads results; otherwise let them expire after hours.",
    nodes=(ast.Assign, ast.Call),
    check=_check,
)
