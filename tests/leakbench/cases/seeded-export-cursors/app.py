"""A report in pages: the rest of it waits in a generator, under the cursor that the client is given.

Most clients look at the first page only. LEAKY=0 has no cursors: a page is counted off anew.
"""

from __future__ import annotations

import os
from itertools import islice
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
PAGE = 10
_CURSORS = {}


def rows(number):
    totals = {month: number * month for month in range(1, 25)}
    for month, total in totals.items():
        yield f"{month};{total};{sum(totals.values())}"


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    report = rows(number)
    page = "\n".join(islice(report, PAGE))
    if LEAKY:
        _CURSORS[f"cursor-{number}"] = report
    start_response("200 OK", [("Content-Type", "text/csv"), ("X-Cursor", f"cursor-{number}")])
    return [page.encode()]
