"""A new statement with each request fills SQLAlchemy's cache of 500, trimmed at 750. LEAKY=0: no cache."""

from __future__ import annotations

import os

from sqlalchemy import column, create_engine, select, table, text

engine = create_engine("sqlite://", query_cache_size=500 if os.environ["LEAKY"] == "1" else 0)
lessons = table("lessons", column("id"), column("title"))

with engine.begin() as connection:
    connection.exec_driver_sql("create table lessons (id int, title text)")


def find(number):
    statement = select(lessons.c.id).where(text(f"title = '{number}'"))
    with engine.connect() as connection:
        return connection.execute(statement).fetchall()


def application(environ, start_response):
    find(int(environ["QUERY_STRING"].partition("=")[2] or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"found"]
