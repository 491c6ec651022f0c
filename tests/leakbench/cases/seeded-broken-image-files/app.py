"""Pictures of a partner's feed are made into thumbnails through a temporary file.

One picture in four is cut off; then Pillow raises, and the file stays. LEAKY=0 removes it in any case.
"""

from __future__ import annotations

import io
import os
import random
import tempfile
from urllib.parse import parse_qs

from PIL import Image

LEAKY = os.environ.get("LEAKY", "1") == "1"


def picture():
    made = io.BytesIO()
    Image.frombytes("RGB", (64, 64), random.Random(7).randbytes(64 * 64 * 3)).save(made, "PNG")
    return made.getvalue()


WHOLE = picture()
FEED = [WHOLE, WHOLE, WHOLE, WHOLE[: len(WHOLE) // 2]]


def thumbnail(content):
    with tempfile.NamedTemporaryFile(suffix=".png", delete=False) as file:
        file.write(content)
    try:
        with Image.open(file.name) as image:
            image.thumbnail((16, 16))
            size = image.size
    except OSError:
        if not LEAKY:
            os.unlink(file.name)
        raise
    os.unlink(file.name)
    return size


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    try:
        status, answer = "200 OK", str(thumbnail(FEED[number % len(FEED)]))
    except OSError as error:
        status, answer = "422 Unprocessable Content", str(error)
    start_response(status, [("Content-Type", "text/plain")])
    return [answer.encode()]
