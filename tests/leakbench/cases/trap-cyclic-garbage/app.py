"""A tree for each request, whose nodes know each other both ways: garbage that waits for the collector.

TRAP=0 refers to parents weakly.
"""

from __future__ import annotations

import os
import weakref
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"


class Element:
    def __init__(self, text, parent=None):
        self.text = text * 50
        self.children = []
        self.parent = parent if TRAP or parent is None else weakref.ref(parent)
        if parent is not None:
            parent.children.append(self)


def page(number):
    root = Element(f"page {number}")
    for row in range(10):
        Element(f"row {row} of {number}", root)
    return root


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    root = page(number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(root.children)} rows".encode()]
