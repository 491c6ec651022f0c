"""LH115: clients with connection pools that are made for one call and not closed."""

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

_CLIENTS: Final = {
    "httpx.Client": ("close",),
    "httpx.AsyncClient": ("aclose",),
    "aiohttp.ClientSession": ("close",),
    "sqlalchemy.create_engine": ("dispose",),
    "sqlalchemy.ext.asyncio.create_async_engine": ("dispose",),
    "pymongo.MongoClient": ("close",),
    "motor.motor_asyncio.AsyncIOMotorClient": ("close",),
    "elasticsearch.Elasticsearch": ("close",),
    "kafka.KafkaProducer": ("close",),
    "paramiko.SSHClient": ("close",),
    "grpc.insecure_channel": ("close",),
    "grpc.secure_channel": ("close",),
}
_COSTLY: Final = frozenset(("boto3.client", "boto3.resource", "boto3.Session", "boto3.session.Session"))


def _check(node: ast.AST, module: Module) -> Iterator[Hit]:
    called = module.called(node) or ""
    if not isinstance(node, ast.Call) or (called not in _COSTLY and called not in _CLIENTS):
        return
    function = module.function_of(node)
    if function is None or runs_once(function, module):
        return
    name = local_name(node, module)
    if called in _COSTLY:
        if per_request(node, module) and name is not None and not gets_away(function, name, module):
            yield Hit(
                node,
                f"Every call of `{function.name}` makes a client of its own, which loads megabytes of service models.",
                confidence=Confidence.MEDIUM,
                subject=name,
            )
        return
    ends = _CLIENTS.get(called)
    if ends is None or name is None or has_call(function, name, (*ends, "__exit__", "__aexit__")):
        return
    if not gets_away(function, name, module):
        yield Hit(
            node,
            f"`{name}` is made for one call of `{function.name}` and never closed: its connections stay open.",
            subject=name,
        )


RULE: Final = Rule(
    name="LH115",
    title="A client is made for one call and not closed",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    advice="Make one client for the process and share it, or use it in a `with`.",
    nodes=(ast.Call,),
    check=_check,
)
