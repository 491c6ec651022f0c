"""A shop window without any framework: Python 3.8 and its standard library.

SHOP_VARIANT   `leaky` (default) or `clean`
"""

import json
import os
from itertools import count
from urllib.parse import parse_qs

GOODS = ("bell", "chain", "lamp", "pump", "saddle", "tyre", "tube", "wheel")


class Stock:
    """Tells listeners when goods arrive. The list of listeners belongs to the class: it outlives every instance."""

    listeners = []

    def __init__(self):
        self.own_listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)

    def subscribe_here(self, listener):
        self.own_listeners.append(listener)


_ORDERS = {}
_NUMBERS = count(1)


def search_leaky(query):
    """Every search leaves a closure behind, and with the closure what it closes over."""
    seen = [[good, query, position] for position, good in enumerate(GOODS * 8)]

    def arrived(good):
        seen.append([good, query, len(seen)])

    Stock().subscribe(arrived)
    return {"query": query, "found": len(seen)}


def search_clean(query):
    """The listeners go with the stock they listen to."""
    seen = [[good, query, position] for position, good in enumerate(GOODS * 8)]

    def arrived(good):
        seen.append([good, query, len(seen)])

    Stock().subscribe_here(arrived)
    return {"query": query, "found": len(seen)}


def order_leaky(body):
    """Orders are kept by number, for a page that was never built."""
    number = next(_NUMBERS)
    _ORDERS[number] = body.decode("latin-1")
    return {"order": number, "size": len(body)}


def order_clean(body):
    return {"order": next(_NUMBERS), "size": len(body)}


VARIANTS = {"leaky": (search_leaky, order_leaky), "clean": (search_clean, order_clean)}
search, order = VARIANTS[os.environ.get("SHOP_VARIANT") or "leaky"]


def application(environ, start_response):
    """`GET /`, `GET /search?q=...`, `POST /orders`; JSON comes back."""
    asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if asked == ("GET", "/"):
        return _answer(start_response, "200 OK", {"goods": GOODS})
    if asked == ("GET", "/search"):
        query = parse_qs(environ.get("QUERY_STRING", "")).get("q", [""])[0]
        return _answer(start_response, "200 OK", search(query))
    if asked == ("POST", "/orders"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return _answer(start_response, "201 Created", order(body))
    return _answer(start_response, "404 Not Found", {"error": "no such page"})


def _answer(start_response, status, found):
    body = json.dumps(found).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
