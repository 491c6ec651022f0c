"""LH121: temporary files and directories that nothing deletes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef

_REMOVERS: Final = (
    "unlink",
    "remove",
    "rmtree",
    "rmdir",
    "rename",
    "replace",
    "move",
    "cleanup",
    "delete",
    "removedirs",
)


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    called = module.called(node) or ""
    if not isinstance(node, ast.Call) or not called.startswith("tempfile."):
        return
    function = module.function_of(node)
    if function is None:
        return
    if called == "tempfile.NamedTemporaryFile":
        lasting = any(
            each.arg == "delete" and isinstance(each.value, ast.Constant) and each.value.value is False
            for each in node.keywords
        )
    else:
        lasting = called in {"tempfile.mkstemp", "tempfile.mkdtemp"}
    if lasting and not _may_be_removed(function, node, module):
        yield Hit(node, f"Nothing in `{function.name}` deletes what is made here, and nobody else knows its name.")


def _may_be_removed(function: FunctionDef, made: ast.Call, module: Module) -> bool:
    """Whether the function deletes something, or lets anybody know where the file is."""
    names = _names(made, module)
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and any(remover in node.attr.lower() for remover in _REMOVERS):
            return True
        if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
            return True
        if isinstance(node, ast.Name) and any(remover in node.id.lower() for remover in _REMOVERS):
            return True
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript)):
            parts = list(ast.walk(node.value))
            if made in parts or any(isinstance(part, ast.Name) and part.id in names for part in parts):
                return True
    return False


def _names(made: ast.Call, module: Module) -> set[str]:
    """The variables that know of the file, directly or through one another."""
    statement = module.statement_of(made)
    return {part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


RULE: Final = Rule(
    name="LH121",
    title="A temporary file is not deleted",
    severity=Severity.MEDIUM,
    confidence=Confidence.LOW,
    advice="`with tempfile.NamedTemporaryFile() as file:`, `with tempfile.TemporaryDirectory() as directory:`.",
    nodes=(ast.Call,),
    check=_check,
)
