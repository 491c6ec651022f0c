"""Scripts of customers, run as modules (uWSGI).

Each version of a script is loaded under a name of its own and stays in `sys.modules`. LEAKY=0 runs it in a module that
nothing keeps.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
SCRIPT = """
'''Prices of lamps.'''
DISCOUNT = 0.1
PRICES = {f'lamp {number}': number * 10.0 for number in range(20)}

def price(name):
    '''What a lamp costs.'''
    return PRICES[name] * (1 - DISCOUNT)
"""


def load(name):
    module = ModuleType(name)
    if LEAKY:
        sys.modules[name] = module
    exec(compile(SCRIPT, f"<{name}>", "exec"), module.__dict__)
    return module


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    script = load(f"customer_script_{number}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{script.price('lamp 7'):.2f}".encode()]
