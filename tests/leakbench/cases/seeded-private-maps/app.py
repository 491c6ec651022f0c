"""A codec that works in anonymous maps, page by page, outside the allocators.

The map of each upload is kept under its number, in case the client asks again. LEAKY=0 unmaps it.
"""

from __future__ import annotations

import mmap
import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
SIZE = 32 * 1024
_MAPS = {}


def decode(number):
    scratch = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    scratch.write(number.encode().ljust(16, b".") * (SIZE // 16))
    answer = bytes(scratch[:16])
    if LEAKY:
        _MAPS[number] = scratch
    else:
        scratch.close()
    return answer


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [decode(number)]
