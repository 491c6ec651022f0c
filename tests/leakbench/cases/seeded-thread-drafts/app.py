"""Lines of an invoice are collected in a thread-local list, by the threads of the server.

The list is made once per thread and never emptied. LEAKY=0 makes one per request.
"""

from __future__ import annotations

import os
import threading
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
LOCAL = threading.local()


def begin():
    if not (LEAKY and hasattr(LOCAL, "lines")):
        LOCAL.lines = []


def add(text, price):
    LOCAL.lines.append({"text": text, "price": price})


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    begin()
    for position in range(5):
        add(f"lamp {number}-{position}, brass, with a shade of green glass", position * 1.5)
    total = sum(line["price"] for line in LOCAL.lines[-5:])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{total:.2f}".encode()]
