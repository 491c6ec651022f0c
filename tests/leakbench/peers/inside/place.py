"""Names a line of code as the benchmark's truth does. Runs in the target: Python 3.8, standard library only."""

from __future__ import annotations

import ast
import os
import sysconfig
from functools import lru_cache

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_HERE = os.path.dirname(os.path.abspath(__file__))
_BENCHMARK = os.path.dirname(os.path.dirname(_HERE))


def place(file: str, line: int, function: str | None, app: str) -> tuple[str | None, str | None]:
    """`site` and `library` of a row: the line is either the application's, in the directory `app`, or not."""
    name = function_at(file, line) if function is None else function
    if in_app(file, app):
        return f"{os.path.relpath(file, app)}:{line}:{name}", None
    for directory in (*(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib", "stdlib")), _BENCHMARK):
        if file.startswith(directory + os.sep):
            return None, f"{os.path.relpath(file, directory)}:{line}:{name}"
    return None, f"{file}:{line}:{name}"


def in_app(file: str, app: str) -> bool:
    """Whether a file is the application's own."""
    return file.startswith(app + os.sep)


def of_benchmark(file: str) -> bool:
    """Whether a file is one of those that drive the application here."""
    return os.path.dirname(os.path.abspath(file)) == _HERE


def function_at(file: str, line: int) -> str:
    """The innermost function around a line, as whoever opens the file at that line sees it."""
    around = [(first, name) for first, last, name in _functions(file) if first <= line <= last]
    return max(around)[1] if around else "<module>"


@lru_cache(maxsize=256)
def _functions(file: str) -> list[tuple[int, int, str]]:
    try:
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
    except (OSError, ValueError, SyntaxError):
        return []
    return [
        (node.lineno, node.end_lineno or node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
    ]
