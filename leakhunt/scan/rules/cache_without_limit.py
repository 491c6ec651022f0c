"""LH107: a cache that is told to forget nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.constants import is_endless
from leakhunt.scan.module import Module
from leakhunt.scan.serving import per_request

_SIZED: Final = {
    **{
        f"cachetools.{name}": "maxsize"
        for name in ("LRUCache", "TTLCache", "LFUCache", "Cache", "FIFOCache", "TLRUCache")
    },
    "functools.lru_cache": "",
}
_LIMIT: Final = 10_000_000


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, ast.Call):
        return
    keyword = _SIZED.get(module.called(node) or "")
    if keyword:
        sizes = [*node.args[:1], *(each.value for each in node.keywords if each.arg == keyword)]
        if sizes and is_endless(sizes[0], module, _LIMIT):
            yield Hit(node, f"`{ast.unparse(node.func)}` is a cache whose limit is never reached.")
    elif _stores_for_ever(node, module):
        yield Hit(
            node,
            "An entry under a key of its own is stored without a timeout: it never goes.",
            confidence=Confidence.HIGH if per_request(node, module) else Confidence.LOW,
        )


def _stores_for_ever(node: ast.Call, module: Module) -> bool:
    """`cache.set(f"user-{user.pk}", value, timeout=None)`."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in {"set", "add", "get_or_set"} or not node.args:
        return False
    if module.resolve(node.func.value) != "django.core.cache.cache":
        return False
    timeouts = [*node.args[2:3], *(each.value for each in node.keywords if each.arg == "timeout")]
    never = bool(timeouts) and isinstance(timeouts[0], ast.Constant) and timeouts[0].value is None
    return never and _varies(node.args[0], module)


def _varies(key: ast.expr, module: Module) -> bool:
    """A key that is put together, here or on the line before."""
    if isinstance(key, ast.Name):
        return any(_varies(value, module) for value in module.values(key) if not isinstance(value, ast.Name))
    if isinstance(key, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in key.values)
    if isinstance(key, ast.BinOp):
        return isinstance(key.op, (ast.Mod, ast.Add))
    return isinstance(key, ast.Call) and isinstance(key.func, ast.Attribute) and key.func.attr == "format"


RULE: Final = Rule(
    name="LH107",
    title="A cache is told to forget nothing",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    advice="Give the cache a size that fits into memory, and its entries a timeout.",
    nodes=(ast.Call,),
    check=_check,
)
