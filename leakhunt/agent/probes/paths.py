"""Who holds what: the tree of paths from the roots of this process to every object."""

from __future__ import annotations

import gc
import sys
import types

from leakhunt.agent.originals import get_ident
from leakhunt.agent.probes.met import Met
from leakhunt.agent.probes.names import mask, type_name
from leakhunt.agent.probes.natives import frame_locals
from leakhunt.agent.probes.outside import held_by_c, told
from leakhunt.agent.probes.plans import OWN, plan_for
from leakhunt.agent.probes.walk import Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from leakhunt.agent.child import Scene
    from leakhunt.agent.probes.walk import Chain

C_HELD = "<held outside Python>"
GARBAGE = "<cycles not yet collected>"
_IMPORT_SYSTEM = frozenset({"__builtins__", "__cached__", "__doc__", "__file__", "__name__", "__package__"})
"""Names in every module that never hold anything of the app's."""


def paths(_: Any, scene: Scene) -> dict[str, Any]:
    """The tree as columns; edges and types are positions in one table of strings."""
    walk = explore(scene.tracked, (), scene.check)
    table: dict[str, int] = {}
    return {
        "parents": walk.parents,
        "edges": [table.setdefault(edge, len(table)) for edge in walk.edges],
        "types": [table.setdefault(name, len(table)) for name in walk.types],
        "counts": walk.counts,
        "sizes": walk.sizes,
        "lengths": walk.lengths,
        "names": list(table),
    }


def explore(tracked: list[Any], wanted: Iterable[Chain], check: Callable[[], None] = lambda: None) -> Walk:
    """Walk the whole heap; the objects at the ends of the `wanted` chains of (edge, type) are kept.

    `tracked` is what the collector knew before any probe ran, so that no object of a probe is met. `check` is called
    every now and then and may raise.
    """
    walk = Walk(plan_for, wanted, check)
    everything: dict[str, Any] = dict(sys.modules)
    modules = {name: each for name, each in everything.items() if issubclass(type(each), types.ModuleType)}
    own = [each for name, each in modules.items() if name.split(".")[0] == OWN]
    walk.skip([tracked, walk, *vars(walk).values(), everything, modules, sys.modules, own, *own, *map(vars, own)])
    _modules(walk, {name: each for name, each in modules.items() if not walk.met.has(each)})
    walk.run()
    _threads(walk)
    walk.run()
    _greenlets(walk, tracked)
    walk.run()
    _leave_out_ourselves(walk.met, own)
    _others(walk, tracked)
    return walk


def _modules(walk: Walk, modules: dict[str, Any]) -> None:
    """All modules at the same distance. What a module has imported from another is left to that one, if it holds it.

    What is no class or function does not say where it is from: submodules go before the package that shows their
    things as its own.
    """
    places = []
    for name in sorted(modules, key=lambda name: name + "\uffff"):
        if not walk.met.has(modules[name]):
            places.append((walk.root(name, modules[name]), name, vars(modules[name])))
            walk.own(places[-1][2], places[-1][0])
    for place, name, namespace in places:
        for key, child in list(namespace.items()):
            named = issubclass(type(child), (type, types.FunctionType))
            home = getattr(child, "__module__", name) if named else name
            if key in _IMPORT_SYSTEM:
                walk.own(child, place)
            elif home == name or home not in modules:
                walk.one(child, place, f".{key}")


def _threads(walk: Walk) -> None:
    """The frames of every thread but ours, by name: their numbers are addresses."""
    threading = sys.modules.get("threading")
    active = getattr(threading, "_active", {})
    named = [
        (mask(str(getattr(active.get(ident), "_name", None) or "without a name")), ident, frame)
        for ident, frame in sys._current_frames().items()
        if ident != get_ident()
    ]
    for name, _, frame in sorted(named, key=lambda thread: thread[:2]):
        caller: Any = frame
        while caller is not None:
            if walk.met.add(caller):
                function = getattr(caller.f_code, "co_qualname", caller.f_code.co_name)
                place = walk.place(0, f"thread {name}: {function}", types.FrameType)
                walk.counts[place] += 1
                frame_locals(walk, caller, place, named=False)
            caller = caller.f_back


def _greenlets(walk: Walk, tracked: list[Any]) -> None:
    """Suspended greenlets that nothing met so far holds: their switcher does, in C."""
    greenlet = getattr(sys.modules.get("greenlet"), "greenlet", None)
    if isinstance(greenlet, type):
        for thing in tracked:
            if issubclass(type(thing), greenlet) and not walk.met.has(thing):
                walk.root("greenlet", thing)


def _leave_out_ourselves(met: Met, own: list[Any]) -> None:
    """What only the agent reaches, and this thread's frames, is none of the app's."""
    frame: Any = sys._getframe(1)
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    reached: list[Any] = [*map(vars, own), *frames, *(each.f_locals for each in frames)]
    while reached:
        reached = [child for child in gc.get_referents(*reached) if met.add(child)]


def _others(walk: Walk, tracked: list[Any]) -> None:
    """What only C holds, then cycles that wait for the collector."""
    held, rest = held_by_c(tracked, walk.met)
    for thing in held:
        walk.one(thing, walk.place(0, C_HELD, object), f".<{told(thing)}>")
    walk.run()
    kinds: dict[type, list[Any]] = {}
    for thing in rest:
        kinds.setdefault(type(thing), []).append(thing)
    # The least surprising beginning of a cycle is an object of a class that somebody has written.
    for kind in sorted(kinds, key=lambda kind: ("." not in type_name(kind), type_name(kind))):
        for thing in kinds[kind]:
            if not walk.met.has(thing):
                walk.one(thing, walk.place(0, GARBAGE, object), f".<{told(thing)}>")
                walk.run()
