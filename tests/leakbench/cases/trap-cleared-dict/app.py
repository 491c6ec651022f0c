"""Translations are kept in a dict that is cleared whenever it has a thousand entries: a saw.

TRAP=0 clears it at twenty.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
LIMIT = 1000 if TRAP else 20
_TRANSLATED = {}


def translate(text):
    if text not in _TRANSLATED:
        if len(_TRANSLATED) >= LIMIT:
            _TRANSLATED.clear()
        _TRANSLATED[text] = f"{text} (translated) ".upper() * 60
    return _TRANSLATED[text]


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [translate(f"Lamp number {number}")[:40].encode()]
