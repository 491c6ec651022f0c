"""Who holds what: the tree of paths from the roots of this process to every object."""

from __future__ import annotations

import re
import sys
import types

from leakhunt.agent.originals import get_ident
from leakhunt.agent.probes.plans import OWN, frame_locals, plan_for
from leakhunt.agent.probes.walk import Walk, unreferenced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

    from leakhunt.agent.child import Scene

C_HELD = "<held outside Python>"
_IMPORT_SYSTEM = frozenset({"__builtins__", "__cached__", "__doc__", "__file__", "__name__", "__package__"})
"""Names in every module that never hold anything of the app's."""
_DIGITS = re.compile(r"[0-9]+")


def paths(_: Any, scene: Scene) -> dict[str, Any]:
    """The tree as columns; edges and types are positions in one table of strings."""
    walk = explore(scene.tracked, ())
    table: dict[str, int] = {}
    return {
        "parents": walk.parents,
        "edges": [table.setdefault(edge, len(table)) for edge in walk.edges],
        "types": [table.setdefault(name, len(table)) for name in walk.types],
        "counts": walk.counts,
        "sizes": walk.sizes,
        "names": list(table),
    }


def explore(tracked: list[Any], wanted: Iterable[tuple[tuple[str, str], ...]]) -> Walk:
    """Walk the whole heap; the objects at the ends of the `wanted` chains of (edge, type) are kept.

    `tracked` is what the collector knew before any probe ran, so that no object of a probe is met.
    """
    walk = Walk(plan_for, wanted)
    everything: dict[str, Any] = dict(sys.modules)
    modules = {name: each for name, each in everything.items() if isinstance(each, types.ModuleType)}
    own = [each for name, each in modules.items() if name.split(".")[0] == OWN]
    walk.skip([tracked, walk, *vars(walk).values(), everything, modules, sys.modules, own, *own, *map(vars, own)])
    _modules(walk, {name: each for name, each in modules.items() if id(each) not in walk.seen})
    walk.run()
    _threads(walk)
    walk.run()
    _others(walk, tracked)
    return walk


def _modules(walk: Walk, modules: dict[str, Any]) -> None:
    """All modules at the same distance. What a module has imported from another is left to that one, if it holds it."""
    places = []
    for name in sorted(modules):
        if id(modules[name]) not in walk.seen:
            places.append((walk.root(name, modules[name]), name, vars(modules[name])))
            walk.own(places[-1][2], places[-1][0])
    for place, name, namespace in places:
        for key, child in list(namespace.items()):
            home = getattr(child, "__module__", name) if isinstance(child, (type, types.FunctionType)) else name
            if key in _IMPORT_SYSTEM:
                walk.own(child, place)
            elif home == name or home not in modules:
                walk.one(child, place, f".{key}")


def _threads(walk: Walk) -> None:
    """The frames of every thread but ours."""
    threading = sys.modules.get("threading")
    active = getattr(threading, "_active", {})
    for ident, frame in sorted(sys._current_frames().items()):
        if ident == get_ident():
            continue
        name = _DIGITS.sub("*", str(getattr(active.get(ident), "_name", None) or "without a name"))
        caller: Any = frame
        while caller is not None:
            if id(caller) not in walk.seen:
                walk.seen.add(id(caller))
                function = getattr(caller.f_code, "co_qualname", caller.f_code.co_name)
                place = walk.place(0, f"thread {name}: {function}", types.FrameType)
                walk.counts[place] += 1
                frame_locals(walk, caller, place)
            caller = caller.f_back


def _others(walk: Walk, tracked: list[Any]) -> None:
    """What only C holds, beginning with what nothing else among it refers to; then cycles not yet collected."""
    place = walk.place(0, C_HELD, object)
    for choose in (unreferenced, list):
        left = [thing for thing in tracked if id(thing) not in walk.seen and not _is_ours(thing)]
        for thing in choose(left):
            walk.one(thing, place, ".<object>")
            walk.run()


def _is_ours(thing: Any) -> bool:
    if isinstance(thing, types.FrameType):
        return thing.f_code.co_filename.startswith(f"<{OWN}")
    return type(thing).__module__ == OWN
