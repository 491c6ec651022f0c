"""A basket listens to the shop's stock, to warn when something is sold out.

Baskets come and go with the requests; the stock keeps their bound methods. LEAKY=0 stops listening.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"


class Stock:
    def __init__(self):
        self.left = 10**9
        self._listeners = []

    def listen(self, listener):
        self._listeners.append(listener)

    def stop(self, listener):
        self._listeners.remove(listener)

    def take(self, pieces):
        self.left -= pieces
        if not self.left:
            for listener in self._listeners:
                listener()


class Basket:
    def __init__(self, number, stock):
        self.goods = [f"{number}: lamp {position}" for position in range(30)]
        self.warning = None
        stock.listen(self.sold_out)

    def sold_out(self):
        self.warning = "sold out"


STOCK = Stock()


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    basket = Basket(number, STOCK)
    STOCK.take(1)
    if not LEAKY:
        STOCK.stop(basket.sold_out)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(basket.goods)} lamps".encode()]
