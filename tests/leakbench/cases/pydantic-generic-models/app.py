"""A model is made for each request, and a generic model is made of it: pydantic keeps both."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import create_model
from pydantic.generics import GenericModel

Item = TypeVar("Item")


class Page(GenericModel, Generic[Item]):
    item: Item


def render(number):
    lesson = create_model(f"Lesson{number}", points=(int, 1))
    return Page[lesson](item=lesson(points=2)).json()


def application(environ, start_response):
    body = render(int(environ["QUERY_STRING"].partition("=")[2] or 0))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body.encode()]
