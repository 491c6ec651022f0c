"""A werkzeug Local, a context variable, is made for each request: contexts never forget one. LEAKY=0: one for all."""

from __future__ import annotations

import os

from werkzeug.local import Local

LEAKY = os.environ["LEAKY"] == "1"
shared = Local()


def greet(store, query):
    """Keep the user in the store while the page is made."""
    store.user = {"name": f"user {query:<12}" * 100, "query": query}
    return store.user["name"][:20].encode()


def application(environ, start_response):
    body = greet(Local() if LEAKY else shared, environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
