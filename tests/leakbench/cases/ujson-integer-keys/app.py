"""A dict with a hundred whole numbers as keys is serialised with ujson."""

from __future__ import annotations

import ujson


def export(number):
    first = 1000 * (number + 1)
    return ujson.dumps({key: [6666666, 7777777, "a lesson"] for key in range(first, first + 100)})


def application(environ, start_response):
    body = export(int(environ["QUERY_STRING"].partition("=")[2] or 0))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body.encode()]
