"""Searches by pattern; `re` keeps what it has compiled, five hundred of them. TRAP=0 searches without patterns."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
TEXT = " ".join(f"lamp-{number}" for number in range(300))


def found(word):
    if TRAP:
        return len(re.findall(rf"\b(?:{word}|{word}s|the {word})\b", TEXT))
    return TEXT.split().count(word)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{found(f'lamp-{number}')} times".encode()]
