"""A thread takes the load of the machine fifty times a second, for a chart.

It keeps all samples, whether requests come or not. LEAKY=0 keeps those of the last second.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

LEAKY = os.environ.get("LEAKY", "1") == "1"
_SAMPLES = deque(maxlen=None if LEAKY else 50)


def sample_load():
    while True:
        load = os.getloadavg()
        _SAMPLES.append({"at": time.time(), "load": load, "text": f"{time.time()} {load}".ljust(1500)})
        time.sleep(0.02)


def start_sampling():
    if not any(thread.name == "sampling" for thread in threading.enumerate()):
        threading.Thread(target=sample_load, name="sampling", daemon=True).start()


def application(environ, start_response):
    start_sampling()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(_SAMPLES[-1]["load"] if _SAMPLES else None).encode()]
