"""A service that has switched the collector off, to save its pauses, and builds a tree for each request.

Children know their parents: cycles that nobody collects. LEAKY=0 refers to parents weakly.
"""

from __future__ import annotations

import gc
import os
import weakref
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
gc.disable()


class Node:
    def __init__(self, name, parent=None):
        self.name = name
        self.children = []
        self.parent = parent if LEAKY or parent is None else weakref.ref(parent)
        if parent is not None:
            parent.children.append(self)


def outline(number):
    root = Node(f"document {number}")
    for chapter in range(4):
        part = Node(f"chapter {chapter}", root)
        for section in range(3):
            Node(f"section {chapter}.{section}", part)
    return root


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    root = outline(number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{root.name}: {len(root.children)} chapters".encode()]
