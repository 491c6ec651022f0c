"""One name for the same bug in every run, on every machine, after every line shift."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha1
from typing import Final

from leakhunt.analysis.frames import relative_file
from leakhunt.model.report import Site

_INDEX: Final = re.compile(r"\[[^\]]*\]")
_NUMBER: Final = re.compile(r"\d+")
_FIGURES: Final = 16


def fingerprint(edges: Sequence[str], type_: str | None, cause: str, site: Site | None) -> str:
    """The first 16 hex digits of a SHA-1 over holder path, type, cause, file and function.

    As LeakCanary does, indexes are normalised and only names go in: no lines, no addresses, no counts, no
    directories above the project.
    """
    path = "".join(_INDEX.sub("[*]", edge) for edge in edges)
    place = "" if site is None else f"{relative_file(site.file)}:{site.function}"
    text = "\n".join((_NUMBER.sub("#", path), type_ or "", cause, place))
    return sha1(text.encode(errors="backslashreplace"), usedforsecurity=False).hexdigest()[:_FIGURES]
