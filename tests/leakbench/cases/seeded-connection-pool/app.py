"""Articles from SQLite, through a connection pool of the team's own.

Where there is no such article the connection is not given back, and the pool opens another. LEAKY=0 gives it back
in any case.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
DIRECTORY = tempfile.mkdtemp(prefix="articles-")
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)


class Pool:
    def __init__(self, file):
        self.file = file
        self.idle = []
        self.all = []

    def take(self):
        if self.idle:
            return self.idle.pop()
        connection = sqlite3.connect(self.file, check_same_thread=False)
        self.all.append(connection)
        return connection

    def give_back(self, connection):
        self.idle.append(connection)


POOL = Pool(os.path.join(DIRECTORY, "articles.sqlite3"))
setup = POOL.take()
with setup:
    setup.execute("create table article (id integer primary key, title text)")
    setup.executemany("insert into article values (?, ?)", [(number, f"Lamp {number}") for number in range(100)])
POOL.give_back(setup)


def title(number):
    connection = POOL.take()
    row = connection.execute("select title from article where id = ?", (number,)).fetchone()
    if row is None:
        if not LEAKY:
            POOL.give_back(connection)
        return None
    POOL.give_back(connection)
    return row[0]


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["1"])[0])
    found = title(1000 if number % 4 == 0 else number % 100)
    start_response("404 Not Found" if found is None else "200 OK", [("Content-Type", "text/plain")])
    return [(found or "no such article").encode()]
