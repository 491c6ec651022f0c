"""Previews of orders (SQLAlchemy): a preview is an order that is added to the session and never committed.

The session belongs to the thread and is not removed, so it keeps them pending. LEAKY=0 removes it after the request.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

LEAKY = os.environ.get("LEAKY", "1") == "1"


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    remark: Mapped[str]


Session = scoped_session(sessionmaker(create_engine("sqlite://"), autoflush=False))


def preview(number):
    order = Order(customer=f"reader {number}", remark=f"For reader {number}, to be left behind the house. " * 20)
    Session.add(order)
    return f"{order.customer}: {len(order.remark)} letters"


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    try:
        answer = preview(number)
    finally:
        if not LEAKY:
            Session.remove()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
