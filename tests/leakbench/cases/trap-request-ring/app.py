"""The latest fifteen hundred requests, for a page of the support team: a deque with `maxlen`.

TRAP=0: the latest ten.
"""

from __future__ import annotations

import os
import time
from collections import deque
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
_LATEST = deque(maxlen=1500 if TRAP else 10)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    headers = {key: str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    _LATEST.append({"at": time.time(), "number": number, "headers": headers, "trace": f"trace-{number}-" * 60})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"noted"]
