"""LH102: the bytes of an upload are copied while they are in memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.serving import is_whole_upload

_COPIES: Final = frozenset(("bytearray", "base64.b64encode", "base64.b64decode", "bytes", "io.StringIO"))
_WRAPS: Final = frozenset(("io.BytesIO",))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call):
        return
    name = module.called(node)
    if name in _COPIES and node.args and _is_content(node.args[0], module):
        yield Hit(node, f"`{ast.unparse(node.func)}` makes another copy of a whole upload.")
    elif name in _WRAPS and node.args and is_whole_upload(node.args[0], module):
        yield Hit(node, "A whole upload is held in memory to make a file of it, which it was already.")
    elif (
        isinstance(node.func, ast.Attribute) and node.func.attr == "decode" and is_whole_upload(node.func.value, module)
    ):
        yield Hit(node, "A whole upload is decoded at once: bytes and text are in memory together.")


def _is_content(node: ast.expr, module: Module) -> bool:
    """All bytes of an upload, as they were read or in a copy."""
    if is_whole_upload(node, module):
        return True
    if isinstance(node, ast.Name):
        return any(
            module.called(value) in _COPIES
            and isinstance(value, ast.Call)
            and value.args
            and is_whole_upload(value.args[0], module)
            for value in module.values(node)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"decode", "getvalue"}:
        return is_whole_upload(node.func.value, module)
    return False


RULE: Final = Rule(
    name="LH102",
    title="A whole upload is copied in memory",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Hand the file object itself on: Pillow, csv, zipfile and pandas read from it; "
    "wrap it in `io.TextIOWrapper` for text.",
    nodes=(ast.Call,),
    check=_check,
)
