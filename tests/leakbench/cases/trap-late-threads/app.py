"""One upload in ten is announced to subscribers by a thread, which keeps the line open for two seconds and then ends.

TRAP=0 hangs up at once.
"""

from __future__ import annotations

import os
import threading
import time
from urllib.parse import parse_qs
from zlib import crc32

TRAP = os.environ.get("TRAP", "1") == "1"
OPEN_SECONDS = 2.0 if TRAP else 0.0


def announce(number):
    text = f"Upload {number} has arrived. " * 100
    time.sleep(OPEN_SECONDS)
    return len(text)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    if crc32(number.encode()) % 10 == 0:
        threading.Thread(target=announce, args=(number,), daemon=True).start()
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"announced"]
