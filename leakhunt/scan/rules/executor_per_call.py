"""LH114: threads and executors that nobody ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import runs_once
from leakhunt.scan.local import gets_away, has_call, local_name
from leakhunt.scan.module import Module
from leakhunt.scan.serving import per_request

_POOLS: Final = frozenset((
    "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor", "multiprocessing.Pool",
    "multiprocessing.pool.ThreadPool", "concurrent.futures.thread.ThreadPoolExecutor",
))  # fmt: skip
_STARTERS: Final = _POOLS | {"threading.Thread", "threading.Timer"}
_ENDS: Final = ("shutdown", "close", "terminate", "__exit__", "join")


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    name = module.called(node)
    if not isinstance(node, ast.Call) or name not in _STARTERS:
        return
    function = module.function_of(node)
    if function is None:
        return
    if name in _POOLS:
        yield from _pool(node, module)
    elif name in {"threading.Thread", "threading.Timer"} and per_request(node, module):
        variable = local_name(node, module)
        started = isinstance(module.parent(node), ast.Attribute) or variable is not None
        if started and not (variable is not None and has_call(function, variable, ("join", "cancel"))):
            yield Hit(
                node,
                f"Every call of `{function.name}` starts a thread that nothing waits for: a slow one piles up.",
                confidence=Confidence.MEDIUM,
            )


def _pool(node: ast.Call, module: Module) -> Iterator[Hit]:
    function = module.function_of(node)
    parent = module.parent(node)
    if function is None or runs_once(function, module):
        return
    name = local_name(node, module)
    at_once = isinstance(parent, ast.Attribute) and parent.attr in {"submit", "map", "apply_async"}
    kept = name is not None and not has_call(function, name, _ENDS) and not gets_away(function, name, module)
    if at_once or kept:
        yield Hit(node, f"The threads of this pool outlast `{function.name}`: nothing shuts it down.", subject=name)


RULE: Final = Rule(
    name="LH114",
    title="Threads are started for a request and not ended",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Make one executor for the process, or use it in a `with`; hand long work to a task queue.",
    nodes=(ast.Call,),
    check=_check,
)
