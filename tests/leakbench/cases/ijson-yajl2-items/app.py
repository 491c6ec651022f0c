"""A JSON body is read item by item with ijson's C backend."""

from __future__ import annotations

import io
import json

import ijson

BODY = json.dumps([{"id": number, "name": f"lesson {number}"} for number in range(50)]).encode()
backend = ijson.get_backend("yajl2_c")


def count(body):
    return sum(1 for _ in backend.items(io.BytesIO(body), "item"))


def application(environ, start_response):
    found = count(BODY)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(found).encode()]
