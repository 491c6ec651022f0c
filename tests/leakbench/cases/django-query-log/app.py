"""Django keeps the last 9000 queries while DEBUG is on: 900 requests of ten queries. LEAKY=0: DEBUG is off."""

from __future__ import annotations

import os

import django
from django.conf import settings

settings.configure(
    DEBUG=os.environ["LEAKY"] == "1",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

from django.db import connection  # noqa: E402  # needs the settings


def ask(query):
    """Ten queries, each with a text of its own."""
    with connection.cursor() as cursor:
        for number in range(10):
            cursor.execute("select %s, %s", [query, number])
            cursor.fetchall()


def application(environ, start_response):
    ask(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"asked"]
