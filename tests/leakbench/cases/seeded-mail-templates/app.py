"""Mails rendered with Jinja2; compiled templates are kept by their source.

The receiver's name is formatted into the source instead of being passed to it, so every mail compiles and keeps a
template. LEAKY=0 passes the name as a variable.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from jinja2 import Environment

LEAKY = os.environ.get("LEAKY", "1") == "1"
TEXT = """Dear NAME,
{% if uploads %}these files have arrived:
{% for upload in uploads %}- {{ upload.name|e }} ({{ upload.size }} bytes)
{% endfor %}{% else %}nothing has arrived.{% endif %}
"""
MAILS = Environment(autoescape=False)
_COMPILED = {}


def template(source):
    if source not in _COMPILED:
        _COMPILED[source] = MAILS.from_string(source)
    return _COMPILED[source]


def mail(name, uploads):
    if LEAKY:
        return template(TEXT.replace("NAME", name)).render(uploads=uploads)
    return template(TEXT.replace("NAME", "{{ name }}")).render(uploads=uploads, name=name)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    text = mail(f"reader {number}", [{"name": "lamp.png", "size": 4711}])
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
