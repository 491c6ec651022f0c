"""Forms are accepted once: the token of each form that has come in is remembered.

Nothing forgets a token. LEAKY=0 forgets them all whenever there are a hundred.
"""

from __future__ import annotations

import hashlib
import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
_SEEN = set()


def first_time(token):
    if token in _SEEN:
        return False
    if len(_SEEN) >= 100 and not LEAKY:
        _SEEN.clear()
    _SEEN.add(token)
    return True


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    token = hashlib.md5(number.encode()).hexdigest()
    answer = "accepted" if first_time(token) else "seen before"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
