"""Answers are cached for three seconds (`cachetools.TTLCache`): how many there are depends on how fast requests come.

TRAP=0: for a twentieth of a second.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from cachetools import TTLCache

TRAP = os.environ.get("TRAP", "1") == "1"
_ANSWERS = TTLCache(maxsize=100_000, ttl=3.0 if TRAP else 0.05)


def answer(number):
    if number not in _ANSWERS:
        _ANSWERS[number] = f"Lamp {number} is in stock. " * 80
    return _ANSWERS[number]


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer(number)[:40].encode()]
