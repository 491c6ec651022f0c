"""LH108: rows pile up while an upload is read, or are created one by one with its bytes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.serving import is_upload, is_whole_upload

_READERS: Final = frozenset(("csv.reader", "csv.DictReader"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr == "create" and _is_manager(node.func.value):
        if _loop(node, module) is not None:
            yield Hit(node, "One row is created for each piece of an upload, and each is a query of its own.")
    elif node.func.attr == "bulk_create" and node.args and isinstance(node.args[0], ast.Name):
        yield from _collected(node, node.args[0], module)


def _collected(call: ast.Call, rows: ast.Name, module: Module) -> Iterator[Hit]:
    """A list filled in a loop over an upload, and only written after the loop."""
    for other in module.nodes(ast.Call):
        if (
            isinstance(other, ast.Call)
            and isinstance(other.func, ast.Attribute)
            and other.func.attr == "append"
            and isinstance(other.func.value, ast.Name)
            and other.func.value.id == rows.id
            and module.function_of(other) is module.function_of(call)
        ):
            loop = _loop(other, module)
            if loop is not None and not _is_written(rows.id, loop):
                yield Hit(
                    other,
                    f"`{rows.id}` holds a row for each piece of an upload before any of them is written.",
                    subject=rows.id,
                    related=((call, "they are written here"),),
                )
                return


def _is_written(rows: str, loop: ast.AST) -> bool:
    """Whether the loop itself writes the rows that it has."""
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"bulk_create", "clear"} and rows in ast.dump(parent)
        for parent in ast.walk(loop)
        if isinstance(parent, ast.Call)
        for node in [parent.func]
    )


def _is_manager(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "objects"


def _loop(node: ast.AST, module: Module) -> ast.AST | None:
    """The loop around `node` that goes over the pieces of an upload."""
    for parent in module.around(node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        if isinstance(parent, (ast.For, ast.AsyncFor)) and _goes_over_upload(parent.iter, module):
            return parent
    return None


def _goes_over_upload(node: ast.expr, module: Module) -> bool:
    return any(is_upload(part, module) or is_whole_upload(part, module) for part in module.traced(node))


RULE: Final = Rule(
    name="LH108",
    title="Rows pile up while an upload is read",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    advice="Write rows in batches: `while batch := list(islice(rows, 100)): Row.objects.bulk_create(batch)`.",
    nodes=(ast.Call,),
    check=_check,
    in_commands=True,
)
