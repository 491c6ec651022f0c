"""Workers that are replaced after some hundred requests (gunicorn --max-requests), and warm up a cache in each life.

TRAP=0 has no cache to warm up.
"""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"


@lru_cache(maxsize=128 if TRAP else 0)
def page(number):
    return f"<p>Lamp {number}</p>" * 500


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page(number)[:100].encode()]
