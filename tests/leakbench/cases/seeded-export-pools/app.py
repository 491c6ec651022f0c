"""One visitor in ten asks for an export, which a pool of threads puts together.

The pool stays in the table of jobs with the finished job, and its threads with it. LEAKY=0 shuts it down.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs
from zlib import crc32

LEAKY = os.environ.get("LEAKY", "1") == "1"
_JOBS = {}


def section(number):
    return ",".join(str(number * column) for column in range(200))


def export(name):
    pool = ThreadPoolExecutor(max_workers=1)
    parts = list(pool.map(section, range(5)))
    if LEAKY:
        _JOBS[name] = pool
    else:
        pool.shutdown()
    return "\n".join(parts)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    wanted = crc32(number.encode()) % 10 == 0
    answer = export(number) if wanted else "no export wanted"
    start_response("200 OK", [("Content-Type", "text/csv")])
    return [answer.encode()]
