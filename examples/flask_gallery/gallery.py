"""A photo gallery in Flask: photos are measured, described and forgotten.

GALLERY_VARIANT   `leaky` (default) or `clean`
"""

import os
from collections import Counter
from functools import cached_property, lru_cache

from flask import Flask, Response, jsonify, request

CHUNK = 64 * 1024
BINS = 256


class LeakyPhoto:
    """A photo that was taken in. The cache belongs to the function, not to the photo: it keeps every `self`."""

    def __init__(self, name: str, counts: Counter[int]) -> None:
        self.name = name
        self.counts = counts

    @lru_cache(maxsize=None)  # noqa: UP033  as it is written in the wild
    def histogram(self) -> tuple[float, ...]:
        total = self.counts.total() or 1
        return tuple(self.counts[value] / total for value in range(BINS))

    def brightness(self) -> float:
        return sum(value * share for value, share in enumerate(self.histogram())) / BINS


class CleanPhoto:
    """The same photo with the cache inside the instance: both go together."""

    def __init__(self, name: str, counts: Counter[int]) -> None:
        self.name = name
        self.counts = counts

    @cached_property
    def histogram(self) -> tuple[float, ...]:
        total = self.counts.total() or 1
        return tuple(self.counts[value] / total for value in range(BINS))

    def brightness(self) -> float:
        return sum(value * share for value, share in enumerate(self.histogram)) / BINS


VARIANTS = {"leaky": LeakyPhoto, "clean": CleanPhoto}
Photo = VARIANTS[os.environ.get("GALLERY_VARIANT") or "leaky"]

app = Flask(__name__)


@app.get("/")
def index() -> Response:
    return jsonify(albums=["Summer", "Winter"])


@app.post("/albums/<int:number>/photos")
def add_photo(number: int) -> tuple[Response, int]:
    """Measure a photo, read in chunks."""
    upload = request.files["photo"]
    counts: Counter[int] = Counter()
    while chunk := upload.stream.read(CHUNK):
        counts.update(chunk)
    photo = Photo(upload.filename or "", counts)
    return jsonify(album=number, name=photo.name, brightness=photo.brightness()), 201
