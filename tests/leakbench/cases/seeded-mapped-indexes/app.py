"""Searches in an index that is mapped from a file.

Each query word opens the index for itself, and the class remembers the open ones by word. LEAKY=0 closes the map when
the search is done.
"""

from __future__ import annotations

import atexit
import mmap
import os
import tempfile
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
_HANDLE, INDEX = tempfile.mkstemp(prefix="index-")
os.write(_HANDLE, b"\n".join(b"lamp-%05d" % number for number in range(20000)))
os.close(_HANDLE)
atexit.register(os.unlink, INDEX)


class Search:
    opened = {}

    @classmethod
    def find(cls, word):
        with open(INDEX, "rb") as file:
            index = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        position = index.find(word)
        if LEAKY:
            cls.opened[word] = index
        else:
            index.close()
        return position


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(Search.find(b"lamp-%05d" % number)).encode()]
