"""Uploads are indexed by a worker thread, which keeps what it has done in a local list.

The list was meant for a summary that nobody asks for. LEAKY=0 starts a new list after every twenty.
"""

from __future__ import annotations

import os
import queue
import threading
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
_INBOX = queue.Queue()


def index_uploads():
    done = []
    while True:
        name = _INBOX.get()
        done.append({"name": name, "words": [f"word-{name}-{number}" for number in range(12)]})
        if len(done) >= 20 and not LEAKY:
            done = []


def start_indexing():
    if not any(thread.name == "indexing" for thread in threading.enumerate()):
        threading.Thread(target=index_uploads, name="indexing", daemon=True).start()


def application(environ, start_response):
    start_indexing()
    _INBOX.put(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"to be indexed"]
