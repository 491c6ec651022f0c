"""Thumbnails, kept under the name of their file.

A popular picture is scaled once; but names come from the clients. LEAKY=0 keeps the latest sixty-four.
"""

from __future__ import annotations

import os
import random
from urllib.parse import parse_qs

from cachetools import LRUCache

LEAKY = os.environ.get("LEAKY", "1") == "1"
PIXELS = random.Random(7).randbytes(4096)
_THUMBNAILS = {} if LEAKY else LRUCache(maxsize=64)


def thumbnail(name):
    if name not in _THUMBNAILS:
        shade = sum(name.encode()) % 256
        _THUMBNAILS[name] = bytes(pixel ^ shade for pixel in PIXELS)
    return _THUMBNAILS[name]


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [thumbnail(f"lamp-{number}.png")]
