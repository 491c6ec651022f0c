"""LH117: an object with `__del__` that refers to itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS
from leakhunt.scan.serving import method


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.ClassDef) or method(node, "__del__") is None:
        return
    methods = {each.name for each in node.body if isinstance(each, FUNCTIONS) and not each.decorator_list}
    for assignment in ast.walk(node):
        is_kept = isinstance(assignment, ast.Assign) and _is_attribute(assignment.targets[0])
        if isinstance(assignment, ast.Assign) and is_kept and _refers_to_self(assignment.value, methods, module):
            yield Hit(
                assignment,
                f"A `{node.name}` refers to itself here: `__del__` waits for the collector, and all that it holds.",
                subject=node.name,
            )
            return


def _is_attribute(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _refers_to_self(value: ast.expr, methods: set[str], module: Module) -> bool:
    """A bound method, a lambda over `self`, or `functools.partial` of one."""
    if isinstance(value, ast.Attribute):
        return _is_attribute(value) and value.attr in methods
    if isinstance(value, ast.Lambda):
        return any(isinstance(part, ast.Name) and part.id == "self" for part in ast.walk(value.body))
    if isinstance(value, ast.Call) and module.called(value) == "functools.partial" and value.args:
        return _refers_to_self(value.args[0], methods, module)
    return False


RULE: Final = Rule(
    name="LH117",
    title="An object with __del__ refers to itself",
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    advice="Use `weakref.finalize`, hold a `weakref.WeakMethod`, or close in a `with`.",
    nodes=(ast.ClassDef,),
    check=_check,
)
