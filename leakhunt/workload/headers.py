"""What may stand in a request header."""

from __future__ import annotations

import re
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
