"""Browsers are told apart by their User-Agent, parsed once each: `lru_cache` without a limit.

Every robot brings one of its own. LEAKY=0 keeps sixty-four.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
PRODUCT = re.compile(r"(\w+)/([\d.]+)")


@lru_cache(maxsize=None if LEAKY else 64)
def products(agent):
    return tuple(PRODUCT.findall(agent))


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    found = products(f"Mozilla/5.0 (X11; Linux x86_64) Robot/1.{number} Lamps/3.{number}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(name for name, _ in found).encode()]
