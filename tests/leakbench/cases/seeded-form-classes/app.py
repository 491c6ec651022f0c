"""Forms whose fields come from the customer's settings: a dataclass is made for each.

Every class enters itself in the registry of its base class. LEAKY=0 makes one class for equal fields.
"""

from __future__ import annotations

import os
from dataclasses import make_dataclass
from functools import lru_cache
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"


class Form:
    known = []

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Form.known.append(cls)


@lru_cache(maxsize=32)
def form_class(fields):
    return make_dataclass("CustomerForm", fields, bases=(Form,))


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    fields = ("name", "street", "town")
    cls = make_dataclass(f"Form{number}", fields, bases=(Form,)) if LEAKY else form_class(fields)
    form = cls(name=f"reader {number}", street="Long Lane", town="Lampton")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(form).encode()]
