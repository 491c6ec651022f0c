"""Settings of users, kept in a plain dict without any limit: there are five hundred users, and no more.

They come as they please, so the last is seen late. TRAP=0 loads all at the start.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs
from zlib import crc32

TRAP = os.environ.get("TRAP", "1") == "1"
USERS = 500
_SETTINGS = {}


def settings(user):
    if user not in _SETTINGS:
        _SETTINGS[user] = {"name": f"user {user}", "columns": [f"{user}: column {column}" for column in range(40)]}
    return _SETTINGS[user]


if not TRAP:
    for each in range(USERS):
        settings(each)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    name = settings(crc32(number.encode()) % USERS)["name"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [name.encode()]
