"""The size of a part of a long-lived message is asked for, twenty times in each request."""

from __future__ import annotations

from google.protobuf.type_pb2 import Type

CONFIG = Type()


def size():
    return CONFIG.source_context.ByteSize()


def application(environ, start_response):
    total = sum(size() for _ in range(20))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(total).encode()]
