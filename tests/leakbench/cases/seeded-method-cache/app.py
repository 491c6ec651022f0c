"""A report whose totals are cached with `lru_cache` on the method: the cache keeps every report that was asked.

LEAKY=0 keeps the totals in the report.
"""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"


class Report:
    def __init__(self, number):
        self.rows = [number * row for row in range(80)]
        self._totals = {}

    @lru_cache(maxsize=None)
    def total_leaky(self, factor):
        return factor * sum(self.rows)

    def total_clean(self, factor):
        if factor not in self._totals:
            self._totals[factor] = factor * sum(self.rows)
        return self._totals[factor]

    total = total_leaky if LEAKY else total_clean


def application(environ, start_response):
    report = Report(int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]))
    answer = f"net {report.total(1)}, gross {report.total(1.19)}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
