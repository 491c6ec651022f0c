"""The first two bytes of a compressed upload are read, then it is refused: the reader's buffer of 128 KiB stays."""

from __future__ import annotations

import io
import random

import zstandard


def compressed(size):
    """An upload that zstandard cannot make smaller."""
    noise = random.Random(7).getrandbits(8 * size).to_bytes(size, "big")
    return zstandard.ZstdCompressor().compress(b"MZ" + noise)


UPLOAD = compressed(256 * 1024)
decompressor = zstandard.ZstdDecompressor()


class Body:
    """A request's body: it can be read and nothing else."""

    def __init__(self):
        self.stream = io.BytesIO(UPLOAD)

    def read(self, size=-1):
        return self.stream.read(size)


def sniff():
    with decompressor.stream_reader(Body()) as reader:
        return reader.read(2)


def application(environ, start_response):
    kind = sniff()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [kind]
