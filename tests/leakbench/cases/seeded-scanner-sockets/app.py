"""Uploads are sent to a virus scanner over a socket; it takes its time.

The app closes its own end of the pair and keeps the scanner's. LEAKY=0 closes both.
"""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
SCAN_SECONDS = 0.04
_SCANNERS = set()


def scan(content):
    own, scanner = socket.socketpair()
    with own:
        own.sendall(content)
        _SCANNERS.add(scanner)
        received = scanner.recv(len(content))
        time.sleep(SCAN_SECONDS)
    if not LEAKY:
        _SCANNERS.discard(scanner)
        scanner.close()
    return len(received)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    answer = f"{scan(number.encode() * 100)} bytes are clean"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
