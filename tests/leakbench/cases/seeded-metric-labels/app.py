"""Durations of requests for Prometheus, labelled with the path as it was asked for.

Paths have numbers in them, so every request makes a time series of its own. LEAKY=0 labels with the route.
"""

from __future__ import annotations

import os
import time
from urllib.parse import parse_qs

from prometheus_client import Histogram

LEAKY = os.environ.get("LEAKY", "1") == "1"
DURATION = Histogram("request_seconds", "Time to answer", ["method", "path"])


def application(environ, start_response):
    started = time.perf_counter()
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    path = f"/documents/{number}" if LEAKY else "/documents/<number>"
    start_response("200 OK", [("Content-Type", "text/plain")])
    DURATION.labels(environ["REQUEST_METHOD"], path).observe(time.perf_counter() - started)
    return [b"measured"]
