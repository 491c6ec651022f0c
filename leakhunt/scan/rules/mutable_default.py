"""LH119: a default that every call adds to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import SHRINKERS, growth, is_container
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, FunctionDef, parameters


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, FUNCTIONS) or module.function_of(node) is not None:
        return  # the default of an inner function is made with it, again and again
    for argument, default in parameters(node.args):
        if default is not None and is_container(default, module):
            grown = _grown(node, argument.arg, module)
            if grown is not None:
                yield Hit(
                    grown,
                    f"`{argument.arg}` is one object for all calls of `{node.name}`, and each adds to it.",
                    subject=argument.arg,
                    related=((default, f"the default of `{argument.arg}` is made here, once"),),
                )


def _grown(function: FunctionDef, name: str, module: Module) -> ast.AST | None:
    """Where the parameter grows, if it always is what it was called with and nothing is taken out."""
    found = None
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return None
        if isinstance(node, ast.Attribute) and node.attr in SHRINKERS and _is(node.value, name):
            return None
        added = growth(node) if found is None else None
        adds = added is not None and _is(added.holder, name) and not isinstance(added.key, ast.Constant)
        if adds and module.function_of(node) is function:
            found = node
    return found


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


RULE: Final = Rule(
    name="LH119",
    title="Every call adds to a default",
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    advice="Use None as the default and make the container in the function.",
    nodes=(ast.FunctionDef, ast.AsyncFunctionDef),
    check=_check,
)
