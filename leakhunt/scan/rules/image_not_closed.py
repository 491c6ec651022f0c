"""LH111: an image is opened and never closed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.local import gets_away, has_call, local_name
from leakhunt.scan.module import Module


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or module.called(node) not in {"PIL.Image.open", "Image.open"} or not node.args:
        return
    name, function = local_name(node, module), module.function_of(node)
    if name is None or function is None or _is_in_memory(node.args[0], module):
        return
    if not has_call(function, name, ("close", "__exit__")) and not gets_away(function, name, module):
        yield Hit(node, f"`{name}` is never closed: file and pixels stay until Python lets go of it.", subject=name)


def _is_in_memory(source: ast.expr, module: Module) -> bool:
    """Bytes that hold no file open."""
    return any(module.called(part) in {"io.BytesIO", "io.StringIO"} for part in module.traced(source))


RULE: Final = Rule(
    name="LH111",
    title="An image is opened and not closed",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    advice="`with Image.open(file) as picture:`",
    nodes=(ast.Call,),
    check=_check,
)
