"""A site that keeps one of three form fields, and whatever it refuses; for test_check_shrink."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

CAPTIONS: list[str] = []
REFUSED: list[str] = []


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    form = parse_qs(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode())
    status = "200 OK"
    if environ["PATH_INFO"] == "/upload" and "caption" in form:
        CAPTIONS.append(form["caption"][0] * 100)
    elif environ["PATH_INFO"] == "/orders" and "item" not in form:
        REFUSED.append(environ["PATH_INFO"] * 100)
        status = "400 Bad Request"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"done"]
