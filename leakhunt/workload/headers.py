"""What may stand in a request header, and what becomes of headers from several places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = ("content-length", "transfer-encoding")
MADE_HERE: Final = 'leakhunt counts the body itself; fault = "truncated" in a workload file sends less than announced'
"""A hint for who wants to set such a header."""


def is_made_here(name: str) -> bool:
    """Whether the header says how long the body is: another value would leave both sides waiting for each other."""
    return name.lower() in _FRAMING


def is_header(name: str, value: str) -> bool:
    """Whether `name` is a token (RFC 9110, 5.6.2) and `value` one line of printable text."""
    return _NAME.fullmatch(name) is not None and value.isprintable()


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """The headers of all layers, the later ones winning; names are the same whatever their case.

    Cookies are merged by their own names: those of a session go on when another cookie is added.
    """
    merged: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.items():
            known = next((each for each in merged if each.lower() == name.lower()), None)
            before = "" if known is None else merged.pop(known)
            merged[name] = _merge_cookies(before, value) if name.lower() == "cookie" else value
    return merged


def _merge_cookies(first: str, second: str) -> str:
    cookies = [pair.strip() for pair in (*first.split(";"), *second.split(";")) if pair.strip()]
    return "; ".join({pair.partition("=")[0]: pair for pair in cookies}.values())
