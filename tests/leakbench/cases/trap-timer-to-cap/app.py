"""A thread takes the load of the machine a hundred times a second, for a chart, and keeps the latest two thousand.

TRAP=0 keeps the latest fifty.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

TRAP = os.environ.get("TRAP", "1") == "1"
_SAMPLES = deque(maxlen=2000 if TRAP else 50)


def sample_load():
    while True:
        load = os.getloadavg()
        _SAMPLES.append({"at": time.time(), "load": load, "text": f"{time.time()} {load}".ljust(2500)})
        time.sleep(0.01)


def start_sampling():
    if not any(thread.name == "sampling" for thread in threading.enumerate()):
        threading.Thread(target=sample_load, name="sampling", daemon=True).start()


def application(environ, start_response):
    start_sampling()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(_SAMPLES[-1]["load"] if _SAMPLES else None).encode()]
