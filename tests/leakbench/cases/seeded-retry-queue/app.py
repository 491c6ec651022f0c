"""Events for a statistics service that takes five hundred a day.

From then on each is put into the queue of those to be sent again, which only the next day empties. LEAKY=0 keeps the
latest fifty.
"""

from __future__ import annotations

import os
from collections import deque
from itertools import count
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
QUOTA = 500
_AGAIN = deque(maxlen=None if LEAKY else 50)
_SENT = count(1)


class QuotaExceededError(Exception):
    pass


def send(event):
    if next(_SENT) > QUOTA:
        raise QuotaExceededError
    return len(event)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    event = {"kind": "upload", "number": number, "tags": [f"{number}-{tag}" for tag in range(20)]}
    try:
        send(event)
    except QuotaExceededError:
        _AGAIN.append(event)
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"noted"]
