"""Pages with a template each (Jinja2), compiled when they are first seen; the environment keeps four hundred.

TRAP=0 keeps twenty.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from jinja2 import Environment, FunctionLoader

TRAP = os.environ.get("TRAP", "1") == "1"


def source(name):
    return f"<h1>{name}</h1>{{% for lamp in lamps %}}<p>{{{{ lamp.name }}}}: {{{{ lamp.price }}}}</p>{{% endfor %}}"


PAGES = Environment(autoescape=True, loader=FunctionLoader(source), cache_size=400 if TRAP else 20)


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    page = PAGES.get_template(f"page-{number}.html").render(lamps=[{"name": "Lamp 7", "price": 70}])
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page.encode()]
