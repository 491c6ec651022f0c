"""Routes: the name under which requests are counted, `METHOD pattern`."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match

_UUID = r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"
_HEX = r"(?<![0-9A-Za-z])(?=[0-9]*[a-fA-F])(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}(?![0-9A-Za-z])"
_VERSION = r"(?<=/)v[0-9]+(?:\.[0-9]+)*(?=/|$)"
_NUMBER = r"(?<![^\W_])[0-9]+(?![^\W_])"
_VARIABLE = re.compile(f"({_UUID}|{_HEX})|({_VERSION})|{_NUMBER}")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_ANCHORS = re.compile(r"^\^|(?:\$|\\Z)$")


def mask_path(path: str) -> str:
    """The path without its query, with numbers as `{n}` and UUIDs and long hexadecimal words as `{id}`.

    A number that is part of a word (`/up2`, `/oauth2/`) is kept, as is a version (`/v1.2/`): it names the interface,
    not a thing. One that is set apart (`/12/`, `/lesson-12/`, `/a_12.png`) is masked.
    """
    path = path.partition("?")[0]
    if "%" in path:
        path = _unescape(path)
    return _VARIABLE.sub(_mask, path)


def as_pattern(pattern: str) -> str:
    """A framework's pattern with a leading slash and without the anchors of a regular expression."""
    pattern = _ANCHORS.sub("", pattern)
    return pattern if pattern.startswith("/") else "/" + pattern


def request_path(environ: dict[str, str]) -> str:
    """Path of a WSGI request as the client meant it (WSGI carries UTF-8 bytes as Latin-1 characters)."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if path.isascii():
        return path or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _mask(match: Match[str]) -> str:
    if match.group(1):
        return "{id}"
    return match.group(2) or "{n}"


def _unescape(path: str) -> str:
    raw = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), path)
    try:
        return raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # characters that were never escaped
        return raw
