"""What may stand in a request header."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_header(name: str, value: str) -> bool:
    """Whether `name` is a token (RFC 9110, 5.6.2) and `value` one line of printable text."""
    return _NAME.fullmatch(name) is not None and value.isprintable()
