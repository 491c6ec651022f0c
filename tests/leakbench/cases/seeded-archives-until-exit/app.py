"""One visitor in a hundred downloads all files as a zip archive.

The archive is to be closed when the process ends, and is kept until then. LEAKY=0 closes it after the request.
"""

from __future__ import annotations

import atexit
import os
import random
import tempfile
import zipfile
from urllib.parse import parse_qs
from zlib import crc32

LEAKY = os.environ.get("LEAKY", "1") == "1"
FILES = [random.Random(number).randbytes(7000) for number in range(8)]


def archive():
    packed = tempfile.SpooledTemporaryFile(max_size=2**20)
    if LEAKY:
        atexit.register(packed.close)
    with zipfile.ZipFile(packed, "w") as files:
        for number, content in enumerate(FILES):
            files.writestr(f"lamp-{number}.bin", content)
    size = packed.tell()
    if not LEAKY:
        packed.close()
    return size


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    wanted = crc32(number.encode()) % 100 == 0
    answer = f"{archive()} bytes" if wanted else "nothing wanted"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
