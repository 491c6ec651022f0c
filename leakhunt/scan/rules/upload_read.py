"""LH101: an uploaded file is read into memory whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef
from leakhunt.scan.serving import is_upload, reads_all

_SIZES: Final = frozenset(("size", "content_length", "_size"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not reads_all(node):
        return
    function = module.function_of(node)
    if is_upload(node.func.value, module) and not (function is not None and _limits_size(function)):
        upload = ast.unparse(node.func.value)
        yield Hit(node, f"All of the upload `{upload}` is read into memory, however large it is.", subject=upload)


def _limits_size(function: FunctionDef) -> bool:
    """Whether the function compares a size before or after it reads."""
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute) and part.attr in _SIZES:
                    return True
                if isinstance(part, ast.Name) and ("size" in part.id.lower() or "content_length" in part.id.lower()):
                    return True
    return False


RULE: Final = Rule(
    name="LH101",
    title="An upload is read into memory whole",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Read it in pieces: `for chunk in file.chunks()` in Django, `file.stream.read(65536)` in Flask, "
    "`await file.read(65536)` in Starlette; or hand the file object itself on.",
    nodes=(ast.Call,),
    check=_check,
)
