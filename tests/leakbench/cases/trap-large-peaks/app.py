"""Large pictures are scaled (Pillow): tens of megabytes for a moment, and then nothing. TRAP=0 takes small ones."""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from PIL import Image

TRAP = os.environ.get("TRAP", "1") == "1"
SIZE = (2400, 2000) if TRAP else (240, 200)


def scale(shade):
    picture = Image.new("RGB", SIZE, (shade, shade, 0))
    return picture.convert("L").reduce(20).size


def application(environ, start_response):
    number = int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(scale(number % 256)).encode()]
