"""A catalogue that is loaded once and frozen with `gc.freeze`, so that the collector passes it over.

Requests make cycles, which it does collect. TRAP=0 freezes nothing.
"""

from __future__ import annotations

import gc
import os
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
CATALOGUE = {number: {"name": f"lamp {number}", "price": number * 10.0, "parts": [number]} for number in range(60_000)}
if TRAP:
    gc.collect()
    gc.freeze()


class Basket:
    def __init__(self, number):
        self.lines = [Line(self, number + position) for position in range(12)]


class Line:
    def __init__(self, basket, article):
        self.basket = basket
        self.article = CATALOGUE[article % len(CATALOGUE)]
        self.text = f"{self.article['name']}, brass, with a shade of green glass"


def application(environ, start_response):
    basket = Basket(int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(basket.lines)} lines".encode()]
