"""The `default` of orjson refuses an object: the error leaks its traceback, and with it all that it reaches."""

from __future__ import annotations

import orjson


class Document:
    def __init__(self, query):
        self.text = f"{query:<12}" * 400


def refuse(value):
    raise TypeError(f"{type(value).__name__} is no JSON")


def export(document):
    try:
        return orjson.dumps({"document": document}, default=refuse)
    except TypeError:
        return b"null"


def application(environ, start_response):
    body = export(Document(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
