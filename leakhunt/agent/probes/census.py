"""Live objects by type, counted by objgraph from the source that the controller has sent along."""

from __future__ import annotations

from collections import Counter

from leakhunt.agent.journal import note
from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.shipped import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from leakhunt.agent.child import Scene


def types(sources: dict[str, str], scene: Scene) -> list[tuple[str, int]]:
    """Rows of (type, count); our own count where objgraph cannot be loaded."""
    try:
        counts = load("objgraph", sources).typestats(scene.tracked, shortnames=False)
    except Exception:
        note("objgraph could not be used, types are counted without it")
        return list(Counter(type_name(type(thing)) for thing in scene.tracked).items())
    return [(name[9:] if name.startswith("builtins.") else name, count) for name, count in counts.items()]
