"""Long polling with greenlets: each request parks one until there is news for it.

Those that the news never reach stay parked, with all that their frames hold. LEAKY=0 lets each run to its end.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from greenlet import getcurrent, greenlet

LEAKY = os.environ.get("LEAKY", "1") == "1"
_PARKED = {}


def poll(number):
    history = [f"event {event} for reader {number}" for event in range(8)]
    news = getcurrent().parent.switch("parked")
    history.append(news)
    return history


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    waiting = greenlet(poll)
    state = waiting.switch(number)
    if LEAKY:
        _PARKED[number] = waiting
    else:
        state = waiting.switch("nothing new")[-1]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [state.encode()]
