"""Five hundred summaries, one of which is made anew by each request, between the blocks that it takes and drops.

The heap is torn apart by them, and RSS rises for a while. TRAP=0 writes each summary into the place of the old one.
"""

from __future__ import annotations

import os
import random
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
SLOTS = 500
LARGEST = 4000
_SUMMARIES = [bytearray(LARGEST) for _ in range(SLOTS)]


def summarise(number):
    lottery = random.Random(number)
    parts = [bytes(lottery.randrange(2000, 30_000)) for _ in range(60)]
    slot, length = lottery.randrange(SLOTS), lottery.randrange(600, LARGEST)
    if TRAP:
        _SUMMARIES[slot] = bytearray(length)
    else:
        _SUMMARIES[slot][:length] = bytes(length)
    return sum(map(len, parts))


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    answer = summarise(number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{answer} bytes".encode()]
