"""What becomes of an object that a function makes and names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef


def local_name(call: ast.AST, module: Module) -> str | None:
    """The local variable that gets the result of `call`; None if something else gets it."""
    parent = module.parent(call)
    if isinstance(parent, ast.Await):
        parent = module.parent(parent)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        name = parent.targets[0].id
        function = module.function_of(call)
        return name if function is not None and name not in module.visit.scopes[function].elsewhere else None
    if isinstance(parent, ast.AnnAssign) and isinstance(parent.target, ast.Name) and parent.value is not None:
        return parent.target.id if module.function_of(call) is not None else None
    return None


def uses(function: FunctionDef, name: str) -> Iterator[ast.Name]:
    """Every place in the function where the variable is read or deleted."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store):
            yield node


def has_call(function: FunctionDef, name: str, methods: Iterable[str]) -> bool:
    """Whether one of these methods of the variable is called, or handed on to be called later."""
    wanted = set(methods)
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in wanted
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in ast.walk(function)
    )


def gets_away(function: FunctionDef, name: str, module: Module) -> bool:
    """Whether something outlives the function that has the object: it is returned, stored, or given to a call."""
    for use in uses(function, name):
        parent = module.parent(use)
        while isinstance(
            parent, (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Starred, ast.IfExp, ast.BoolOp, ast.Await)
        ):
            parent = module.parent(parent)
        if isinstance(
            parent, (ast.Return, ast.Yield, ast.YieldFrom, ast.keyword, ast.withitem, ast.Assign, ast.NamedExpr)
        ):
            return True
        if isinstance(parent, ast.Call) and use is not parent.func:
            return True
        if isinstance(parent, (ast.Lambda, ast.AnnAssign, ast.AugAssign)) or module.function_of(use) is not function:
            return True
    return False
