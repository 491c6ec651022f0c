"""Mails, each with a style of its own, go through premailer 3.0.1: it caches 1000 styles, then none any more."""

from __future__ import annotations

from premailer import Premailer

PAGE = (
    "<html><head><style>p.%s {color: red; margin: 1px}</style></head><body><p style='width: %dpx' class='%s'>Hello</p>"
)


def write(number):
    name = f"mail{number}"
    return Premailer(PAGE % (name, number, name)).transform()


def application(environ, start_response):
    mail = write(int(environ["QUERY_STRING"].partition("=")[2] or 0))
    start_response("200 OK", [("Content-Type", "text/html")])
    return [mail.encode()]
