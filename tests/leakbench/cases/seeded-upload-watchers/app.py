"""Each upload is watched by a thread that warns if it takes too long.

The thread waits for an event that only a failed upload sets. LEAKY=0 sets it whatever happens.
"""

from __future__ import annotations

import os
import threading
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"


def watch(name, ended):
    """Waits in the background until the upload of that name has ended."""
    ended.wait()
    return f"{name} ended"


def store(name, ended):
    try:
        return f"stored {name}"
    except OSError:
        ended.set()
        raise
    finally:
        if not LEAKY:
            ended.set()


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    ended = threading.Event()
    threading.Thread(target=watch, args=(number, ended), name=f"watch-{number}", daemon=True).start()
    answer = store(number, ended)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
