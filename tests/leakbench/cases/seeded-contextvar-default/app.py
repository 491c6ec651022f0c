"""Flash messages in a context variable, whose default is one list for all requests.

LEAKY=0 gives each request a list of its own.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
MESSAGES = ContextVar("messages", default=[])


def flash(level, text):
    MESSAGES.get().append({"level": level, "text": text, "shown": False})


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    if not LEAKY:
        MESSAGES.set([])
    flash("info", f"Upload {number} has arrived and is being looked at by the people who look at uploads.")
    flash("warning", f"Upload {number} has no description.")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [MESSAGES.get()[-1]["text"].encode()]
