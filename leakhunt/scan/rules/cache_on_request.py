"""LH106: a cache without limit on a function that is given request data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from leakhunt.model.finding import Confidence, Severity
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.memo import unbounded_cache
from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, parameters
from leakhunt.scan.serving import REQUEST_NAMES, from_client, is_handler

_PERSONAL: Final = re.compile(
    r"^(request|user|user_id|username|email|url|uri|query|text|token|session|session_id|content|body|payload|"
    r"ip|ip_address|user_agent|filename|search|message|password|prompt|html|markdown|address)$"
)


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    if not isinstance(node, FUNCTIONS):
        return
    decorator = unbounded_cache(node, module)
    if decorator is None:
        return
    owner = module.method_class(node)
    names = [argument.arg for argument, _ in parameters(node.args)][1 if owner is not None else 0 :]
    if not names:
        return
    telling = next((name for name in names if name in REQUEST_NAMES or _PERSONAL.match(name)), None)
    if is_handler(node, module):
        yield Hit(decorator, f"`{node.name}` remembers every request that it ever answered.", subject=node.name)
    elif telling is not None:
        yield Hit(
            decorator,
            f"`{node.name}` remembers every `{telling}` that it was ever given.",
            confidence=None
            if telling in REQUEST_NAMES or _is_given_request_data(node.name, module)
            else Confidence.MEDIUM,
            subject=node.name,
        )
    elif _is_given_request_data(node.name, module):
        yield Hit(decorator, f"`{node.name}` is given what clients send, and remembers all of it.", subject=node.name)


def _is_given_request_data(name: str, module: Module) -> bool:
    """Whether a call in the same file hands something on that comes from the client."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == name
        and any(from_client(argument, module) for argument in [*call.args, *(each.value for each in call.keywords)])
        for call in module.nodes(ast.Call)
    )


RULE: Final = Rule(
    name="LH106",
    title="A cache without limit remembers request data",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Give the cache a limit: `lru_cache(maxsize=1024)`.",
    nodes=(ast.FunctionDef, ast.AsyncFunctionDef),
    check=_check,
)
