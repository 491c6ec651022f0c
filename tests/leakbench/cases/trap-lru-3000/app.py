"""Search results, cached in an `lru_cache` of three thousand: it grows for long, evenly, and then no more.

TRAP=0: of thirty.
"""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"


@lru_cache(maxsize=3000 if TRAP else 30)
def search(words):
    return tuple(f"{words}: lamp {position}" for position in range(20))


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(search(f'brass lamp {number}'))} lamps".encode()]
