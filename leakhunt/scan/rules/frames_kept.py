"""LH116: a function that holds its own frame, and with it all its variables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.local import local_name
from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef

_FRAMES: Final = frozenset(("inspect.currentframe", "sys._getframe"))
_STATES: Final = frozenset(("sys.exc_info",))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    called = module.called(node)
    if not isinstance(node, ast.Call) or called not in _FRAMES | _STATES or node.args:
        return
    function = module.function_of(node)
    if function is None:
        return
    if called in _FRAMES:
        name = local_name(node, module)
        what = "its own frame"
    elif called in _STATES and _is_caught_here(node, module):
        name = _traceback(node, module)
        what = "the traceback that leads to its own frame"
    else:
        return
    if name is not None and not _is_let_go(function, name):
        yield Hit(
            node, f"`{function.name}` holds {what} in `{name}`: all its variables wait for the collector.", subject=name
        )


def _is_caught_here(node: ast.AST, module: Module) -> bool:
    """Whether the function caught the exception itself: tracebacks lead from there to where it arose."""
    for parent in module.around(node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        if isinstance(parent, ast.ExceptHandler):
            return True
    return False


def _traceback(call: ast.Call, module: Module) -> str | None:
    """The variable that gets the traceback: the third of `sys.exc_info()`, or all three."""
    parent = module.parent(call)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
        if isinstance(target, ast.Tuple) and len(target.elts) == 3:
            last = target.elts[2]
            return last.id if isinstance(last, ast.Name) else None
        return target.id if isinstance(target, ast.Name) else None
    if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant) and parent.slice.value == 2:
        return local_name(parent, module)
    return None


def _is_let_go(function: FunctionDef, name: str) -> bool:
    """Deleted, or given another value."""
    stores = 0
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name:
            stores += isinstance(node.ctx, ast.Store)
            if isinstance(node.ctx, ast.Del):
                return True
    return stores > 1


RULE: Final = Rule(
    name="LH116",
    title="A function holds its own frame",
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    advice="`del frame` in a `finally`, or use what is needed of it at once.",
    nodes=(ast.Call,),
    check=_check,
)
