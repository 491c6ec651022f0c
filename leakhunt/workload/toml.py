"""The standard library's TOML parser, or on Python 3.10 the package it was made from."""

from __future__ import annotations

import json
import sys

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:
    from tomli import TOMLDecodeError, loads

__all__ = ["TOMLDecodeError", "loads", "quoted"]


def quoted(text: str) -> str:
    """A text as a basic string of TOML, which escapes as JSON does."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
