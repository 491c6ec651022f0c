"""LH112: a receiver is connected again and again, and held strongly."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import runs_once
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, FunctionDef
from leakhunt.scan.serving import per_request


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "connect":
        return
    function = module.function_of(node)
    if function is None or not node.args or not _is_strong(node) or _is_undone(function, node.func):
        return
    if _is_new(node.args[0], function) and (per_request(node, module) or not runs_once(function, module)):
        yield Hit(
            node,
            f"Every call of `{function.name}` connects a receiver of its own, and `weak=False` keeps all of them.",
            confidence=None if per_request(node, module) else Confidence.MEDIUM,
        )


def _is_strong(call: ast.Call) -> bool:
    """Held strongly, and not under a name that replaces the one before."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    weak = keywords.get("weak")
    return isinstance(weak, ast.Constant) and weak.value is False and "dispatch_uid" not in keywords


def _is_new(receiver: ast.expr, function: FunctionDef) -> bool:
    """A lambda, a function inside of this one, or a bound method."""
    if isinstance(receiver, ast.Lambda):
        return True
    if isinstance(receiver, ast.Attribute):
        return isinstance(receiver.value, ast.Name) and receiver.value.id == "self"
    inner = {each.name for each in ast.walk(function) if isinstance(each, FUNCTIONS) and each is not function}
    return isinstance(receiver, ast.Name) and receiver.id in inner


def _is_undone(function: FunctionDef, connect: ast.Attribute) -> bool:
    signal = ast.dump(connect.value)
    return any(
        isinstance(node, ast.Attribute) and node.attr == "disconnect" and ast.dump(node.value) == signal
        for node in ast.walk(function)
    )


RULE: Final = Rule(
    name="LH112",
    title="A signal gets another receiver with every call",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Connect once, at import or in `AppConfig.ready`, or disconnect when done.",
    nodes=(ast.Call,),
    check=_check,
)
