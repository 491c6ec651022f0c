"""Eight threads of the server cut files into blocks of all sizes and drop them again.

glibc gives each thread an arena, and each keeps what its largest request took. The twin has one arena.
"""

from __future__ import annotations

import os
import random
from urllib.parse import parse_qs


def blocks(seed):
    lottery = random.Random(seed)
    kept = []
    for _ in range(300):
        kept.append(bytes(lottery.randrange(600, 60_000)))
        if len(kept) > 100:
            del kept[lottery.randrange(len(kept))]
    return kept


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    total = sum(map(len, blocks(number)))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{total} bytes in process {os.getpid()}".encode()]
