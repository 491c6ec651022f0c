"""LH125: settings that keep uploads in memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.constants import is_none, number
from leakhunt.scan.module import Module

_LIMITS: Final = frozenset(("FILE_UPLOAD_MAX_MEMORY_SIZE", "DATA_UPLOAD_MAX_MEMORY_SIZE", "MAX_FORM_MEMORY_SIZE"))
_MUCH: Final = 50_000_000
"""Bytes of one request, of which a worker serves several at a time."""
_IN_MEMORY: Final = "MemoryFileUploadHandler"
_TO_DISK: Final = "TemporaryFileUploadHandler"


def _check(node: ast.AST, _: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return
    name = _setting(node.targets[0])
    if name == "FILE_UPLOAD_HANDLERS" and isinstance(node.value, (ast.List, ast.Tuple)):
        text = ast.unparse(node.value)
        if _IN_MEMORY in text and _TO_DISK not in text:
            yield Hit(node, "No upload handler writes to disk: whole uploads stay in memory.", subject=name)
    elif name in _LIMITS:
        size = number(node.value)
        if is_none(node.value) and name != "FILE_UPLOAD_MAX_MEMORY_SIZE":
            yield Hit(node, f"`{name}` is no limit at all: one request may fill the memory.", subject=name)
        elif size is not None and size >= _MUCH:
            yield Hit(node, f"`{name}` lets each request hold {size / 1e6:.0f} MB in memory.", subject=name)


def _setting(target: ast.expr) -> str | None:
    """`NAME = ...`, or `app.config["NAME"] = ...`."""
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return None


RULE: Final = Rule(
    name="LH125",
    title="Settings keep uploads in memory",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Keep the limits near their defaults, 2.5 MB in Django and 500 kB in Flask, and let files go to disk.",
    nodes=(ast.Assign,),
    check=_check,
)
