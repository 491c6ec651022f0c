"""A signal is given one more receiver with every upload, and holds it strongly. LEAKY=0: it has one from the start."""

from __future__ import annotations

import os

from blinker import Signal

LEAKY = os.environ["LEAKY"] == "1"
uploaded = Signal("uploaded")


def thank(sender, **details):
    """What the fixed version connects once."""


def listen(remark):
    """The mistake: nobody disconnects what is connected here."""

    def remember(sender, **details):
        return remark

    uploaded.connect(remember, weak=False)


uploaded.connect(thank)


def application(environ, start_response):
    if LEAKY:
        listen(f"{environ['QUERY_STRING']:<12}" * 80)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"uploaded"]
