"""A shared document that can be undone: each revision knows the one before it.

The document knows the latest, and so all. LEAKY=0 cuts the chain after twenty.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
STEPS = 20


class Revision:
    def __init__(self, text, previous):
        self.text = text
        self.previous = previous


class Document:
    def __init__(self):
        self.latest = None

    def save(self, text):
        self.latest = Revision(text, self.latest)
        if not LEAKY:
            self.forget()

    def forget(self):
        revision = self.latest
        for _ in range(STEPS):
            if revision is None:
                return
            revision = revision.previous
        if revision is not None:
            revision.previous = None


SHARED = Document()


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    SHARED.save(f"Text number {number}. " * 60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(SHARED.latest.text)} letters".encode()]
