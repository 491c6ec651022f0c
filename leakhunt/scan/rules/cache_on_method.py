"""LH105: a cache on a method keeps instances."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.memo import bounded_cache, unbounded_cache
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS
from leakhunt.scan.serving import per_request
from leakhunt.scan.singletons import made_at_import

_FEW_INSTANCES: Final = frozenset(
    ("Enum", "IntEnum", "StrEnum", "type", "EnumMeta", "ABCMeta", "AppConfig", "TextChoices")
)
_SHORT_LIVED: Final = ("Model", "View", "ViewSet", "Serializer", "Form", "Resource", "Request", "Response", "Schema")
_UNBOUND: Final = frozenset(("staticmethod", "classmethod"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    owner = module.method_class(node)
    if not isinstance(node, FUNCTIONS) or owner is None or not node.args.args:
        return
    names = [module.resolve(decorator) for decorator in node.decorator_list]
    if _UNBOUND.intersection(name for name in names if name) or _has_few_instances(owner, module):
        return
    decorator = unbounded_cache(node, module)
    full = f"{module.name}.{owner.name}"
    if decorator is not None:
        yield Hit(
            decorator,
            f"The cache of `{owner.name}.{node.name}` belongs to the class and has no limit: "
            f"it keeps every `{node.args.args[0].arg}` that was ever asked.",
            confidence=Confidence.HIGH if _comes_and_goes(owner, module) else None,
            subject=node.name,
            unless_global=full,
        )
    elif bounded_cache(node, module):
        yield Hit(
            node.decorator_list[0],
            f"The cache of `{owner.name}.{node.name}` belongs to the class: it keeps the last instances.",
            confidence=Confidence.MEDIUM if _comes_and_goes(owner, module) else Confidence.LOW,
            subject=node.name,
            unless_global=full,
        )


def _has_few_instances(owner: ast.ClassDef, module: Module) -> bool:
    bases = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in owner.bases}
    return bool(bases & _FEW_INSTANCES) or f"{module.name}.{owner.name}" in made_at_import(module)


def _comes_and_goes(owner: ast.ClassDef, module: Module) -> bool:
    """Whether instances are known to be made per request or row: by their base, or because a handler makes them."""
    bases = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in owner.bases}
    if any(base.endswith(_SHORT_LIVED) for base in bases):
        return True
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == owner.name
        and per_request(call, module)
        for call in module.nodes(ast.Call)
    )


RULE: Final = Rule(
    name="LH105",
    title="A cache on a method keeps instances",
    severity=Severity.HIGH,
    confidence=Confidence.LOW,
    advice="Use `functools.cached_property`, or keep the results in the instance.",
    nodes=(ast.FunctionDef, ast.AsyncFunctionDef),
    check=_check,
)
