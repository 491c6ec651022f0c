"""A row is asked twenty times for a column that it does not have."""

from __future__ import annotations

from sqlalchemy import create_engine, text

engine = create_engine("sqlite://")


def titles():
    with engine.connect() as connection:
        return connection.execute(text("select 1 as id, 'Lesson' as title")).fetchall()


def remark(row, query):
    return getattr(row, f"remark_{query}", None)


def application(environ, start_response):
    (row,) = titles()
    for _ in range(20):
        remark(row, environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [row.title.encode()]
