"""What an attached agent does last: the process is left as it was found."""

from __future__ import annotations

import os

from leakhunt.agent import forks
from leakhunt.agent.arrival import unload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def clean_up(offers: Any, luggage: Any) -> list[str]:
    """Take back the hooks of `fork`, the standard modules that were loaded for us, and the socket's file.

    Returns what had to stay.
    """
    left = [] if forks.unregister() else ["os.register_at_fork"]
    for way, place in offers:
        if way == "unix":
            _remove(place)
    return left + [f"sys.modules[{name!r}]" for name in unload(luggage.loaded, luggage.before)]


def _remove(place: str) -> None:
    for remove, path in ((os.unlink, place), (os.rmdir, os.path.dirname(place))):
        try:
            remove(path)
        except OSError:  # the controller was quicker
            return
