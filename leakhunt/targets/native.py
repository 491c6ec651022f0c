"""The native sampler as it is brought into a target: the shared object that fits its Python."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.machinery
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import leakhunt.agent
from leakhunt.errors import AgentError

BUILT: Final = Path(leakhunt.agent.__path__[0])
"""Where the installation has put the one for leakhunt's own Python."""
SOURCES: Final = BUILT / "native"


def is_installed() -> bool:
    """Whether there is one for leakhunt's own Python."""
    return (BUILT / _name(importlib.machinery.EXTENSION_SUFFIXES[0])).exists()


def cache() -> Path:
    """Where those for other Pythons are kept that were compiled from these sources, for this user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "leakhunt" / "sampler" / _digest_of_sources()


def luggage(suffix: str) -> Mapping[str, str]:
    """What an agent needs to load the sampler into a Python whose extensions have this suffix.

    Raises AgentError where there is none for it.
    """
    for place in (BUILT, cache()):
        image = _read(place / _name(suffix))
        if image is not None:
            return {
                "image": base64.b64encode(image).decode(),
                "made_for": suffix,
                "digest": hashlib.sha256(image).hexdigest()[:16],
            }
    raise AgentError(
        f"there is no native sampler for a Python whose extensions end in {suffix}",
        "leakhunt doctor --build-sampler PYTHON compiles it, where that Python has headers.",
    )


def _name(suffix: str) -> str:
    return f"_sampler{suffix}"


def _read(path: Path) -> bytes | None:
    """The file, unless somebody else may have put it there: it will run in the target."""
    try:
        with path.open("rb") as file:
            return file.read() if os.fstat(file.fileno()).st_uid in {0, os.geteuid()} else None
    except OSError:
        return None


@functools.cache
def _digest_of_sources() -> str:
    sources = sorted(SOURCES.glob("*.[ch]"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
