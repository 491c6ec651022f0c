"""A download that is streamed in chunks and entered in the list of running downloads.

The entry is taken out after the last chunk: never, if the client has left before. LEAKY=0 takes it out in any case.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
CHUNKS = [bytes([65 + number % 26]) * 65536 for number in range(40)]
_RUNNING = {}


def stream_leaky(number):
    _RUNNING[number] = {"file": f"lamps-{number}.csv", "etags": [f"{number}-{chunk}" for chunk in range(40)]}
    yield from CHUNKS
    del _RUNNING[number]


def stream_clean(number):
    _RUNNING[number] = {"file": f"lamps-{number}.csv", "etags": [f"{number}-{chunk}" for chunk in range(40)]}
    try:
        yield from CHUNKS
    finally:
        del _RUNNING[number]


stream = stream_leaky if LEAKY else stream_clean


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "text/csv")])
    return stream(number)
