"""Two greenlets run to their end in each request; under Python 3.11 early releases keep the stack of each."""

from __future__ import annotations

import greenlet


def square(number):
    return number * number


def compute(number):
    """Sum of two squares, each in a greenlet of its own."""
    return sum(greenlet.greenlet(square).switch(each) for each in (number, number + 1))


def application(environ, start_response):
    total = compute(len(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(total).encode()]
