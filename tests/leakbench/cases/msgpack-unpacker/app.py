"""A stream of msgpack documents is read by iterating over an Unpacker."""

from __future__ import annotations

import io

import msgpack

BODY = b"".join(msgpack.packb({"id": number, "name": "lesson " * 3}) for number in range(100))


def count(body):
    return sum(1 for _ in msgpack.Unpacker(io.BytesIO(body)))


def application(environ, start_response):
    found = count(BODY)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(found).encode()]
