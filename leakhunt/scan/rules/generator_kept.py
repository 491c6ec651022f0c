"""LH122: generators that are kept before they are exhausted hold the frame that they stopped in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import growth
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    found = growth(node)
    if found is None or module.function_of(node) is None or not isinstance(found.holder, ast.Name):
        return
    scope = module.scope_of(node).find(found.holder.id)
    if scope is None or not isinstance(scope[0].node, ast.Module):
        return
    if any(_is_generator(value, module) for value in found.kept):
        name = found.holder.id
        yield Hit(
            node,
            f"`{name}` keeps generators: each holds the frame that it stopped in, with all its variables.",
            subject=name,
            unless_emptied=name,
        )


def _is_generator(node: ast.expr, module: Module) -> bool:
    if isinstance(node, ast.GeneratorExp):
        return True
    if isinstance(node, ast.Name):
        return any(_is_generator(value, module) for value in module.values(node) if not isinstance(value, ast.Name))
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return any(
        isinstance(binding.node, FUNCTIONS) and _yields(binding.node, module) for binding in module.bindings(node.func)
    )


def _yields(function: ast.AST, module: Module) -> bool:
    return any(
        isinstance(part, (ast.Yield, ast.YieldFrom)) and module.function_of(part) is function
        for part in ast.walk(function)
    )


RULE: Final = Rule(
    name="LH122",
    title="Generators are kept in a container",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Keep what the generator makes, or `close()` it when done.",
    nodes=(ast.Call, ast.Assign),
    check=_check,
)
