"""Prices are fetched from a slow service and cached: an `lru_cache` of two hundred.

TRAP=0 caches nothing.
"""

from __future__ import annotations

import os
import random
from functools import lru_cache
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
ANSWER = random.Random(7).randbytes(6000)


def fetch(article):
    return ANSWER + article.encode()


prices = lru_cache(maxsize=200)(fetch) if TRAP else fetch


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [prices(number)[-100:]]
