"""A photo gallery in Flask: photos are judged by their brightness and forgotten.

GALLERY_VARIANT   `leaky` (default) or `clean`
"""

import os
from functools import cache, cached_property

from flask import Flask, Response, jsonify, request

SAMPLE = 16 * 1024


class LeakyPhoto:
    """The cache belongs to the function, not to the photo: it keeps every `self` that ever asked."""

    def __init__(self, name: str, sample: bytes) -> None:
        self.name = name
        self.sample = sample

    @cache
    def _mean(self) -> float:
        return sum(self.sample) / max(len(self.sample), 1)

    def brightness(self) -> int:
        return round(self._mean())


class CleanPhoto:
    """The same photo with the cache inside the instance: both go together."""

    def __init__(self, name: str, sample: bytes) -> None:
        self.name = name
        self.sample = sample

    @cached_property
    def _mean(self) -> float:
        return sum(self.sample) / max(len(self.sample), 1)

    def brightness(self) -> int:
        return round(self._mean)


VARIANTS = {"leaky": LeakyPhoto, "clean": CleanPhoto}
Photo = VARIANTS[os.environ.get("GALLERY_VARIANT") or "leaky"]

app = Flask(__name__)


@app.get("/")
def index() -> Response:
    return jsonify(albums=["Summer", "Winter"])


@app.post("/albums/<int:number>/photos")
def add_photo(number: int) -> tuple[Response, int]:
    upload = request.files["photo"]
    sample = upload.stream.read(SAMPLE)
    photo = Photo(upload.filename or "", sample)
    return jsonify(album=number, name=photo.name, brightness=photo.brightness()), 201
