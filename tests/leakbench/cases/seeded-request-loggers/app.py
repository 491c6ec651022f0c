"""Each request logs under a name of its own, so that its lines can be found again.

`logging` keeps loggers for ever. LEAKY=0 uses one logger and puts the number into the line.
"""

from __future__ import annotations

import logging
import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
LOG = logging.getLogger("requests")
LOG.addHandler(logging.NullHandler())


def request_log(number):
    if not LEAKY:
        return logging.LoggerAdapter(LOG, {"request": number})
    log = logging.getLogger(f"requests.{number}")
    log.addHandler(logging.NullHandler())
    return log


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    log = request_log(number)
    log.warning("upload %s has arrived", number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"logged"]
