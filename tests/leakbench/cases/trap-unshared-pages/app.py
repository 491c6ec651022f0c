"""A catalogue that is loaded before the workers are forked (gunicorn --preload), and shared by them.

Each request looks at part of it; counting references writes to its pages, and so each worker gets a copy by and by.
TRAP=0 looks at the same few lamps each time.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
STEP = 400
CATALOGUE = [{"name": f"lamp {number}", "price": number * 10.0 + 0.5} for number in range(100_000)]


def prices(number):
    start = number * STEP % len(CATALOGUE) if TRAP else 0
    return sum(lamp["price"] for lamp in CATALOGUE[start : start + STEP])


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{prices(number):.2f}".encode()]
