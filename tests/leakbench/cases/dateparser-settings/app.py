"""Dates are read relative to a time that differs from request to request; dateparser keeps something for each."""

from __future__ import annotations

import datetime

import dateparser

START = datetime.datetime(2020, 1, 1)  # noqa: DTZ001  # as the user wrote it


def read(text, languages, base):
    return dateparser.parse(text, languages=languages, settings={"RELATIVE_BASE": base})


def application(environ, start_response):
    number = int(environ["QUERY_STRING"].partition("=")[2] or 0)
    base = START + datetime.timedelta(seconds=number)
    read(f"lesson {number} 24 august", ["en", "fr", "de"], base)
    read("no date at all", ["en"], base)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"read"]
