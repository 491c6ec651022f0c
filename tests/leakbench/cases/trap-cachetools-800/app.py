"""Profiles of readers, cached in a `cachetools.LRUCache` of eight hundred. TRAP=0: of thirty-two."""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from cachetools import LRUCache, cached

TRAP = os.environ.get("TRAP", "1") == "1"


@cached(LRUCache(maxsize=800 if TRAP else 32))
def profile(number):
    return {"name": f"reader {number}", "rights": [f"{number}: right {right}" for right in range(40)]}


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [profile(number)["name"].encode()]
