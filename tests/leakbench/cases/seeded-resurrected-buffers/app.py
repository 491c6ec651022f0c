"""Buffers for uploads that go back to a pool when they are dropped: `__del__` puts them there.

Only a buffer of exactly the wanted size is taken out again, and hardly two uploads are of the same size.
LEAKY=0 puts no more than eight into the pool.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"


class Buffer:
    pool = []

    def __init__(self, size):
        self.content = bytearray(size)

    @classmethod
    def of(cls, size):
        for position, buffer in enumerate(cls.pool[-8:], max(0, len(cls.pool) - 8)):
            if len(buffer.content) == size:
                return cls.pool.pop(position)
        return cls(size)

    def __del__(self):
        if LEAKY or len(Buffer.pool) < 8:
            Buffer.pool.append(self)


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    buffer = Buffer.of(4000 + number % 997)
    buffer.content[:4] = number.to_bytes(4, "big")
    answer = f"{len(buffer.content)} bytes"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
