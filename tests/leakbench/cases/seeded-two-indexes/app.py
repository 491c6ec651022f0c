"""Orders, found by their number and by their customer.

Old orders are dropped from the one index, not from the other. LEAKY=0 drops them from both.
"""

from __future__ import annotations

import os
from collections import defaultdict
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
KEPT = 50
CUSTOMERS = 10
_BY_NUMBER = {}
_BY_CUSTOMER = defaultdict(list)


class Order:
    __slots__ = ("customer", "lines", "number")

    def __init__(self, number):
        self.number = number
        self.customer = number % CUSTOMERS
        self.lines = [f"{number}: lamp {line}" for line in range(8)]


def enter(order):
    _BY_NUMBER[order.number] = order
    _BY_CUSTOMER[order.customer].append(order)
    while len(_BY_NUMBER) > KEPT:
        oldest = _BY_NUMBER.pop(next(iter(_BY_NUMBER)))
        if not LEAKY:
            _BY_CUSTOMER[oldest.customer].remove(oldest)


def application(environ, start_response):
    order = Order(int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]))
    enter(order)
    start_response("201 Created", [("Content-Type", "text/plain")])
    return [f"order {order.number} of customer {order.customer}".encode()]
