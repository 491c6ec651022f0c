"""The native sampler as it is brought into a target: the shared object that fits its Python."""

from __future__ import annotations

import base64
import hashlib
import importlib.machinery
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import leakhunt.agent
from leakhunt.errors import AgentError

BUILT: Final = Path(leakhunt.agent.__path__[0])
"""Where the installation has put the one for this Python."""


def is_installed() -> bool:
    """Whether there is one for leakhunt's own Python."""
    return _image(importlib.machinery.EXTENSION_SUFFIXES[0]).exists()


def luggage(suffix: str) -> Mapping[str, str]:
    """What an agent needs to load the sampler into a Python whose extensions have this suffix.

    Raises AgentError where there is none for it.
    """
    try:
        image = _image(suffix).read_bytes()
    except OSError:
        raise AgentError(
            f"there is no native sampler for a Python whose extensions end in {suffix}",
            "It is compiled for leakhunt's own Python, at installation, where there is a C compiler.",
        ) from None
    return {
        "image": base64.b64encode(image).decode(),
        "made_for": suffix,
        "digest": hashlib.sha256(image).hexdigest()[:16],
    }


def _image(suffix: str) -> Path:
    return BUILT / f"_sampler{suffix}"
