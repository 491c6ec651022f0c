"""What went wrong inside the agent: kept for the controller, never shown to the target."""

from __future__ import annotations

import sys

LIMIT = 20
"""A guest that keeps failing must not fill the host's memory with complaints."""

problems: list[str] = []


def note(place: str) -> None:
    """Remember the exception being handled as one line: `place: Type: text`."""
    kind, error, _ = sys.exc_info()
    if len(problems) < LIMIT and kind is not None:
        try:
            text = f"{error}"
        except Exception:  # the target's own class, which may do anything there
            text = "its text cannot be read"
        problems.append(" ".join(f"{place}: {kind.__name__}: {text}"[:300].split()))


def clear() -> None:
    """Forget everything, as a forked child does with its parent's problems."""
    del problems[:]
