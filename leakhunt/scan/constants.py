"""Values that the source itself states."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

from leakhunt.scan.module import Module

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: lambda left, right: int(left) << min(int(right), 100),
    ast.Pow: lambda left, right: float(left) ** min(right, 100),
}


def number(node: ast.expr | None) -> float | None:
    """A number that is written down, also as a sum, product, power or shift of numbers."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = number(node.left), number(node.right)
        if left is not None and right is not None and right < 1e18:
            try:
                return _OPERATORS[type(node.op)](left, right)
            except OverflowError:
                return math.inf
    return None


def is_none(node: ast.expr | None) -> bool:
    """Whether this is the word None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_endless(node: ast.expr, module: Module, most: float) -> bool:
    """Whether a limit is infinite, or larger than `most`."""
    if module.resolve(node) in {"math.inf", "sys.maxsize", "numpy.inf"}:
        return True
    if isinstance(node, ast.Call) and module.called(node) == "float" and len(node.args) == 1:
        argument = node.args[0]
        return isinstance(argument, ast.Constant) and str(argument.value).lower() in {"inf", "infinity"}
    value = number(node)
    return value is not None and value > most
