"""File names are normalised by a C library, called through ctypes.

What it returns has to be freed by the caller. LEAKY=0 frees it.
"""

from __future__ import annotations

import ctypes
import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
LIBC = ctypes.CDLL(None)
LIBC.strdup.argtypes = [ctypes.c_char_p]
LIBC.strdup.restype = ctypes.c_void_p
LIBC.free.argtypes = [ctypes.c_void_p]
LIBC.free.restype = None


def normalised(name):
    copy = LIBC.strdup(name)
    text = ctypes.string_at(copy)
    if not LEAKY:
        LIBC.free(copy)
    return text.lower()


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    name = normalised(f"/Files/{number}/{'Deep/' * 500}Lamp.PNG".encode())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(name)).encode()]
