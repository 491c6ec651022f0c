"""LH103: a container of a module or class grows with calls, and nothing takes anything out of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import Growth, growth, is_boundless, is_container, is_unique, made_of, runs_once
from leakhunt.scan.module import Module
from leakhunt.scan.names import Binding
from leakhunt.scan.serving import from_client, per_request

_LOCKS: Final = frozenset((
    "threading.Lock", "threading.RLock", "asyncio.Lock", "asyncio.Semaphore", "threading.Semaphore", "asyncio.Event",
    "threading.Event",
))  # fmt: skip


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    found = growth(node)
    function = module.function_of(node) if found is not None else None
    if found is None or function is None:
        return
    made = _global(found.holder, module)
    if made is None or runs_once(function, module) or not _grows_for_ever(found, module):
        return
    name = found.holder.attr if isinstance(found.holder, ast.Attribute) else ast.unparse(found.holder)
    served = per_request(node, module)
    yield Hit(
        node,
        f"`{name}` lives as long as the process and grows with calls of `{function.name}`; "
        "nothing takes anything out of it.",
        confidence=None if served or (found.key is not None and is_unique(found.key, module)) else Confidence.MEDIUM,
        subject=name,
        related=((made.node, f"`{name}` is made here"), *made_of(found.kept, module)),
        unless_emptied=name,
    )


def _global(holder: ast.expr, module: Module) -> Binding | None:
    """Where the container is made, if a module or a class holds it."""
    if isinstance(holder, ast.Name):
        found = module.scope_of(holder).find(holder.id)
        if found is None or not isinstance(found[0].node, ast.Module):
            return None
        bindings = found[1]
    elif isinstance(holder, ast.Attribute) and isinstance(holder.value, ast.Name):
        owner = module.class_of(holder)
        if owner is None or holder.value.id not in {"self", "cls", owner.name} or _is_own(owner, holder.attr):
            return None
        bindings = module.visit.scopes[owner].names.get(holder.attr, [])
    else:
        return None
    if len(bindings) != 1 or bindings[0].kind != "assign" or not is_container(bindings[0].value, module):
        return None
    return bindings[0]


def _is_own(owner: ast.ClassDef, name: str) -> bool:
    """Whether instances get a container of their own."""
    for node in ast.walk(owner):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and target.attr == name:
                    return True
    return False


def _grows_for_ever(found: Growth, module: Module) -> bool:
    """Whether what is put in is another one with every request, as far as the file shows."""
    if found.key is not None:
        return is_unique(found.key, module) or is_boundless(found.key, module) or _is_lock_for_each(found, module)
    kept = found.kept[-1:] if found.kept else ()
    return per_request(found.node, module) or any(
        is_unique(value, module) or from_client(value, module) for value in kept
    )


def _is_lock_for_each(found: Growth, module: Module) -> bool:
    """A lock under every id that the function is ever told: the pattern has no end but by taking locks out."""
    key = found.key
    return (
        isinstance(key, ast.Name)
        and key.id.endswith("_id")
        and any(binding.kind == "parameter" for binding in module.bindings(key))
        and module.called(found.kept[-1]) in _LOCKS
    )


RULE: Final = Rule(
    name="LH103",
    title="A container of a module or class grows without end",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Give it a bound: `deque(maxlen=...)`, `lru_cache(maxsize=...)`, or take out what is done with; "
    "what belongs to one request goes into a local variable.",
    nodes=(ast.Call, ast.Assign, ast.AugAssign),
    check=_check,
)
