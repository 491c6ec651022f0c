"""Memoising decorators of the standard library."""

from __future__ import annotations

import ast

from leakhunt.scan.module import Module
from leakhunt.scan.names import FunctionDef


def unbounded_cache(function: FunctionDef, module: Module) -> ast.expr | None:
    """The decorator that remembers every call of `function`; None if there is none, or it has a limit."""
    for decorator in function.decorator_list:
        if module.resolve(decorator) == "functools.cache":
            return decorator
        if isinstance(decorator, ast.Call) and module.called(decorator) == "functools.lru_cache":
            sizes = [*decorator.args[:1], *(each.value for each in decorator.keywords if each.arg == "maxsize")]
            if sizes and isinstance(sizes[0], ast.Constant) and sizes[0].value is None:
                return decorator
    return None


def bounded_cache(function: FunctionDef, module: Module) -> bool:
    """Whether `functools.lru_cache` remembers some of the calls of `function`."""
    targets = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    limited = any(module.resolve(target) == "functools.lru_cache" for target in targets)
    return limited and unbounded_cache(function, module) is None
