"""Avatars: one visitor in ten has a new one, which Pillow scales.

The scaled image is kept, decoded, by the visitor's name. LEAKY=0 keeps the latest thirty-two as JPEG.
"""

from __future__ import annotations

import io
import os
from urllib.parse import parse_qs
from zlib import crc32

from cachetools import LRUCache
from PIL import Image

LEAKY = os.environ.get("LEAKY", "1") == "1"
UPLOAD = Image.linear_gradient("L").convert("RGB")
_AVATARS = {}
_LATEST = LRUCache(maxsize=32)


def scale(name):
    avatar = UPLOAD.resize((64, 64))
    if LEAKY:
        _AVATARS[name] = avatar
    else:
        packed = io.BytesIO()
        avatar.save(packed, "JPEG")
        _LATEST[name] = packed.getvalue()
    return avatar.size


def application(environ, start_response):
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    new = crc32(number.encode()) % 10 == 0
    answer = str(scale(number)) if new else "the old one"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
