"""An import that keeps its failures for a page of the support team.

The exceptions themselves are kept; their tracebacks hold the frames, and the frames the rejected body. LEAKY=0 keeps
the text of the latest twenty.
"""

from __future__ import annotations

import json
import os
import traceback
from collections import deque
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
_FAILURES = []
_LATEST = deque(maxlen=20)


def body_of(number):
    rows = [{"id": number * 1000 + row, "title": f"lamp {row}"} for row in range(200)]
    text = json.dumps(rows)
    return text[:-20] if number % 4 == 0 else text


def import_rows(number):
    body = body_of(number)
    return len(json.loads(body))


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["1"])[0])
    try:
        status, answer = "200 OK", f"{import_rows(number)} rows"
    except ValueError as error:
        status, answer = "400 Bad Request", str(error)
        if LEAKY:
            _FAILURES.append(error)
        else:
            _LATEST.append("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    start_response(status, [("Content-Type", "text/plain")])
    return [answer.encode()]
