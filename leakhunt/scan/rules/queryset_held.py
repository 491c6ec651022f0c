"""LH109: a loop over a whole table holds all its rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS
from leakhunt.scan.serving import is_task

_LAZY: Final = frozenset(("all", "order_by", "select_related", "only", "defer", "prefetch_related"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.For) or not _runs_long(node, module):
        return
    table = _table(node.iter, module)
    if table is not None:
        yield Hit(node.iter, f"All rows of `{table}` stay in memory until the loop ends.", subject=table)


def _table(node: ast.expr, module: Module) -> str | None:
    """`Model` of `Model.objects.all()`, also with an order; None if it is cut or filtered."""
    if isinstance(node, ast.Name):
        values = list(module.values(node))
        return _table(values[0], module) if len(values) == 1 and not isinstance(values[0], ast.Name) else None
    whole = False
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LAZY:
        whole = whole or node.func.attr == "all"
        node = node.func.value
    if whole and isinstance(node, ast.Attribute) and node.attr == "objects":
        return ast.unparse(node.value)
    return None


def _runs_long(node: ast.AST, module: Module) -> bool:
    """In a task, or in a command: both go over all there is."""
    function = module.function_of(node)
    return isinstance(function, FUNCTIONS) and ("management/commands/" in module.file or is_task(function, module))


RULE: Final = Rule(
    name="LH109",
    title="A loop over a whole table holds all its rows",
    severity=Severity.MEDIUM,
    confidence=Confidence.LOW,
    advice="Loop over `.iterator(chunk_size=...)`, which forgets rows as it goes.",
    nodes=(ast.For,),
    check=_check,
    in_commands=True,
)
