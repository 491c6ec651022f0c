"""LH113: logging handlers and exit functions that are added while requests are served."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef
from leakhunt.scan.serving import per_request

_ADDERS: Final = {"addHandler": "removeHandler", "addFilter": "removeFilter"}
_METHODS: Final = frozenset((*_ADDERS, "register"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _METHODS:
        return
    function = module.function_of(node)
    if function is None or not per_request(node, module) or _is_guarded(node, module):
        return
    undo = _ADDERS.get(node.func.attr)
    if undo is not None and not _mentions(function, undo):
        yield Hit(node, f"Every call of `{function.name}` adds another handler to the logger, and none is removed.")
    elif module.called(node) == "atexit.register" and not _mentions(function, "unregister"):
        yield Hit(node, f"Every call of `{function.name}` leaves a function behind for the end of the process.")


def _is_guarded(node: ast.AST, module: Module) -> bool:
    """Below an `if` that asks for handlers that are there already."""
    return any(
        isinstance(parent, ast.If) and "handlers" in ast.dump(parent.test).lower() for parent in module.around(node)
    )


def _mentions(function: FunctionDef, attribute: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == attribute for node in ast.walk(function))


RULE: Final = Rule(
    name="LH113",
    title="A handler is added with every request",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Configure logging once, at start-up, or remove the handler in a `finally`.",
    nodes=(ast.Call,),
    check=_check,
)
