"""LH111: an image is opened and never closed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.local import gets_away, has_call, local_name
from leakhunt.scan.module import Module

_CLOSERS: Final = (
    *("close", "__exit__", "load", "resize", "convert", "save", "thumbnail", "crop", "rotate", "transpose", "verify"),
    *("getdata", "tobytes", "copy", "split", "filter", "transform", "quantize", "histogram", "getpixel", "point"),
)
"""What closes the file, or loads the pixels, after which Pillow closes it itself."""


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call) or module.called(node) not in {"PIL.Image.open", "Image.open"} or not node.args:
        return
    name, function = local_name(node, module), module.function_of(node)
    if name is None or function is None or not _is_path(node.args[0], module):
        return
    if not has_call(function, name, _CLOSERS) and not gets_away(function, name, module):
        yield Hit(
            node,
            f"`{name}` is neither loaded nor closed: its file stays open until Python lets go of it.",
            subject=name,
        )


def _is_path(source: ast.expr, module: Module) -> bool:
    """Whether it is opened by its path: only then is the file Pillow's own, to be closed by it."""
    if isinstance(source, ast.Name):
        told = "path" in source.id.lower() or "filename" in source.id.lower()
        return told and not any(module.called(value) in {"open", "io.BytesIO"} for value in module.values(source))
    if isinstance(source, ast.Attribute):
        return source.attr in {"path", "filename"}
    return isinstance(source, (ast.Constant, ast.JoinedStr)) or module.called(source) == "os.path.join"


RULE: Final = Rule(
    name="LH111",
    title="An image is opened and not closed",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    advice="`with Image.open(file) as picture:`",
    nodes=(ast.Call,),
    check=_check,
)
