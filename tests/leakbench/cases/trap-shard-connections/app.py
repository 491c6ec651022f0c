"""Readers are spread over forty SQLite files; each is opened when its first reader comes, and stays open.

TRAP=0 opens them all at the start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from urllib.parse import parse_qs
from zlib import crc32

TRAP = os.environ.get("TRAP", "1") == "1"
SHARDS = 40
DIRECTORY = tempfile.mkdtemp(prefix="shards-")
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
_OPEN = {}


def shard(number):
    if number not in _OPEN:
        connection = sqlite3.connect(os.path.join(DIRECTORY, f"{number}.sqlite3"), check_same_thread=False)
        with connection:
            connection.execute("create table if not exists reader (name text)")
        _OPEN[number] = connection
    return _OPEN[number]


if not TRAP:
    for each in range(SHARDS):
        shard(each)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    connection = shard(crc32(number.encode()) % SHARDS)
    readers = connection.execute("select count(*) from reader").fetchone()[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{readers} readers".encode()]
