"""A message with a tuple of a hundred numbers is decoded."""

from __future__ import annotations

from typing import Tuple

import msgspec


class Scores(msgspec.Struct):
    points: Tuple[int, ...]


encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(type=Scores)


def best(message):
    return max(decoder.decode(message).points)


def application(environ, start_response):
    number = int(environ["QUERY_STRING"].partition("=")[2] or 0)
    first = 1000 * (number + 1)
    found = best(encoder.encode(Scores(points=tuple(range(first, first + 100)))))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(found).encode()]
