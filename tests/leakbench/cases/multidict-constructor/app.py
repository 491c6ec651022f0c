"""Headers are put into a case-insensitive multidict, twenty times in each request."""

from __future__ import annotations

from multidict import CIMultiDict


def headers(query):
    return CIMultiDict({"User-Agent": "leakbench", "Accept": "*/*", "X-Query": query})


def application(environ, start_response):
    agents = [headers(environ["QUERY_STRING"])["user-agent"] for _ in range(20)]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [agents[0].encode()]
