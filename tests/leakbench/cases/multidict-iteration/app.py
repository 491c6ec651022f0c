"""A multidict of twenty values is made and iterated over."""

from __future__ import annotations

from multidict import MultiDict


def names(count):
    fields = MultiDict((f"field-{number}", "value " * 32) for number in range(count))
    return list(fields)


def application(environ, start_response):
    found = names(20)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [found[-1].encode()]
