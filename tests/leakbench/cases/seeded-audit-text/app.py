"""An audit log that is written to one buffer in memory, to be saved at the end of the day.

Nothing but one object gets longer. LEAKY=0 saves whenever there are 16 KiB.
"""

from __future__ import annotations

import io
import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
AUDIT = io.BytesIO()


def audit(line):
    AUDIT.write(line)
    if AUDIT.tell() > 16384 and not LEAKY:
        with open(os.devnull, "wb") as disk:
            disk.write(AUDIT.getbuffer())
        AUDIT.seek(0)
        AUDIT.truncate()


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    audit(f"reader {number} has looked at lamp {number}; allowed by the rule for readers\n".encode().ljust(300, b" "))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"noted"]
