"""LH118: the cycle collector is switched off, and never on again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call):
        return
    called = module.called(node)
    off = called == "gc.disable" or (
        called == "gc.set_threshold"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == 0
    )
    if off and not any(module.called(call) in {"gc.enable", "gc.collect"} for call in module.nodes(ast.Call)):
        yield Hit(node, "The collector is off from here on: cycles stay for as long as the process lives.")


RULE: Final = Rule(
    name="LH118",
    title="The collector is switched off",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Leave it on; `gc.freeze()` before a fork keeps pages shared, a higher threshold saves time.",
    nodes=(ast.Call,),
    check=_check,
)
