"""A write-only workbook is begun and abandoned, so its temporary file stays. LEAKY=0: it is saved."""

from __future__ import annotations

import io
import os

from openpyxl import Workbook

LEAKY = os.environ["LEAKY"] == "1"


def export(query):
    """Write one row. The sheet goes through a temporary file, which only saving removes before the process ends."""
    workbook = Workbook(write_only=True)
    workbook.create_sheet().append(["query", query])
    if not LEAKY:
        workbook.save(io.BytesIO())


def application(environ, start_response):
    export(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"exported"]
