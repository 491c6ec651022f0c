"""LH104: an object that lives as long as the process collects what passes through it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import Growth, growth, is_container, is_of_few, is_unique, made_of, runs_once
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, FunctionDef
from leakhunt.scan.serving import method


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    found = growth(node)
    holder = found.holder if found is not None else None
    if found is None or not (
        isinstance(holder, ast.Attribute) and isinstance(holder.value, ast.Name) and holder.value.id == "self"
    ):
        return
    function = module.function_of(node)
    owner = None if function is None else module.method_class(function)
    if function is None or owner is None or function.name == "__init__":
        return
    made = _made(owner, holder.attr, module)
    if made is None or not _adds(found, module) or runs_once(function, module):
        return
    if _loops_for_ever(function, owner):
        yield Hit(
            node,
            f"`self.{holder.attr}` of a `{owner.name}` grows in an endless loop; nothing takes anything out of it.",
            subject=holder.attr,
            related=((made, f"`self.{holder.attr}` is made here"), *made_of(found.kept, module)),
            unless_emptied=holder.attr,
        )


def _made(owner: ast.ClassDef, name: str, module: Module) -> ast.AST | None:
    """The assignment by which every instance gets its own empty container."""
    init = method(owner, "__init__")
    for node in ast.walk(init) if init is not None else ():
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_container(node.value, module):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and target.attr == name:
                    return node
    return None


def _adds(found: Growth, module: Module) -> bool:
    return found.key is None or (not is_of_few(found.key) and is_unique(found.key, module))


def _loops_for_ever(function: FunctionDef, owner: ast.ClassDef) -> bool:
    """Whether a method that never returns runs this one again and again."""
    for other in owner.body:
        if isinstance(other, FUNCTIONS):
            for loop in ast.walk(other):
                if isinstance(loop, ast.While) and _is_endless(loop) and (other is function or _calls(loop, function)):
                    return True
    return False


def _is_endless(loop: ast.While) -> bool:
    always = isinstance(loop.test, ast.Constant) and bool(loop.test.value)
    return always and not any(isinstance(node, (ast.Break, ast.Return)) for node in ast.walk(loop))


def _calls(loop: ast.While, function: FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) == ("self", function.name)
        for node in ast.walk(loop)
    )


RULE: Final = Rule(
    name="LH104",
    title="A background loop collects its results for ever",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Hand results on through a bounded queue, keep the last few in a `deque(maxlen=...)`, or drop them.",
    nodes=(ast.Call, ast.Assign, ast.AugAssign),
    check=_check,
)
