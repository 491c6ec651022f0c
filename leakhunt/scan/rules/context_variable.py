"""LH120: context variables that are made in functions, and tokens that are never used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.local import local_name, uses
from leakhunt.scan.module import Module


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call):
        return
    is_set = isinstance(node.func, ast.Attribute) and node.func.attr == "set"
    made = module.called(node) == "contextvars.ContextVar"
    function = module.function_of(node) if is_set or made else None
    if function is None:
        return
    if made and function.name not in {"__init__", "__new__"}:
        yield Hit(node, f"Every call of `{function.name}` makes a context variable, and contexts never forget one.")
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "set" and _is_variable(node.func.value, module):
        token = local_name(node, module)
        if token is not None and not any(uses(function, token)):
            yield Hit(
                node, f"`{token}` is never given to `reset`: the value stays when the request is over.", subject=token
            )


def _is_variable(node: ast.expr, module: Module) -> bool:
    """A context variable of this module."""
    return isinstance(node, ast.Name) and any(
        module.called(value) == "contextvars.ContextVar" for value in module.values(node)
    )


RULE: Final = Rule(
    name="LH120",
    title="A context variable is made for a call, or not reset",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    advice="Make context variables at the top of a module; `variable.reset(token)` in a `finally`.",
    nodes=(ast.Call,),
    check=_check,
)
