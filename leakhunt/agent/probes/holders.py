"""A closer look at single holders: length, cap, size with all they reach, and who holds what they hold."""

from __future__ import annotations

import sys
import time
import types
from collections import deque

from leakhunt.agent.probes.caps import cap_of, length_of
from leakhunt.agent.probes.deadline import Deadline, OutOfTime
from leakhunt.agent.probes.names import type_name
from leakhunt.agent.probes.paths import explore
from leakhunt.agent.probes.shipped import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

DEPTH = 15
"""Longest chain of references looked for."""


def holders(request: dict[str, Any], scene: Scene) -> list[dict[str, Any]]:
    """One row per path asked for, in that order; `request` has the paths, the libraries' sources, and `values`."""
    began = time.monotonic()
    chains = [tuple((edge, kind) for edge, kind in path["chain"]) for path in request["paths"]]
    owners = [chain[:-1] for chain in chains]
    walk = explore(scene.tracked, [*chains, *owners], scene.check)
    found = {walk.goals[place]: things for place, things in walk.found.items()}
    ignored = [scene.tracked, *walk.found.values(), found, walk.__dict__]
    rows = []
    for path, chain in zip(request["paths"], chains):
        things = found.get(chain) or []
        row = _row(path["path"], things)
        if things:
            row["cap"], row["cap_source"] = _cap(things, found.get(chain[:-1]) or [], chain[-1][0])
        if things and request["sources"]:
            _look_closer(row, things, ignored, request, request["budget"] - (time.monotonic() - began))
        rows.append(row)
    return rows


def _cap(things: list[Any], owners: list[Any], edge: str) -> tuple[int | None, str | None]:
    """The cap of the container, or of all those of the same path together if each has one."""
    owner = owners[0] if len(owners) == 1 else None
    caps = [cap_of(thing, owner if len(things) == 1 else _owner_of(thing, owners), edge[1:]) for thing in things]
    numbers = [number for number, _ in caps if number is not None]
    if len(numbers) < len(caps):
        return None, None
    return sum(numbers), caps[0][1]


def _owner_of(thing: Any, owners: list[Any]) -> Any:
    for owner in owners:
        if any(value is thing for value in getattr(owner, "__dict__", {}).values()):
            return owner
    return None


def _row(path: str, things: list[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": path,
        "type": "",
        "length": None,
        "deep_size": None,
        "cap": None,
        "cap_source": None,
        "chain": [],
        "problems": [],
    }
    if not things:
        row["problems"].append("it was not found again")
        return row
    thing = max(things, key=length_of)
    row["type"] = type_name(type(thing))
    lengths = [length_of(each) for each in things]
    row["length"] = sum(lengths) if min(lengths) >= 0 else None
    return row


def _look_closer(
    row: dict[str, Any], things: list[Any], ignored: list[Any], request: dict[str, Any], seconds: float
) -> None:
    thing = max(things, key=length_of)
    if seconds <= 0:
        row["problems"].append("no time was left to look closer")
        return
    # Half of what is left for each, so that one does not leave the other without any.
    try:
        with Deadline(seconds / 2):
            row["deep_size"] = load("asizeof", request["sources"]).asizeof(thing)
    except OutOfTime:
        row["problems"].append("it was too large to be sized in time")
    except Exception as error:
        row["problems"].append(f"pympler could not size it: {type(error).__name__}: {error}")
    try:
        with Deadline(seconds / 2):
            row["chain"] = _chain(_sample(thing), [*ignored, things], request)
    except OutOfTime:
        row["problems"].append("objgraph found no chain in time")
    except Exception as error:
        row["problems"].append(f"objgraph found no chain: {type(error).__name__}: {error}")


def _sample(thing: Any) -> Any:
    """A newest entry of a container that can be looked for, else the container itself."""
    if isinstance(thing, dict):
        entries = list(dict.values(thing))[-1:]
    elif isinstance(thing, (list, tuple, deque)):
        entries = list(thing)[-1:]
    else:
        entries = []
    tracked = [entry for entry in entries if type(entry) not in {str, bytes, int, float, bool, type(None)}]
    return tracked[0] if tracked else thing


def _chain(sample: Any, ignored: list[Any], request: dict[str, Any]) -> list[str]:
    objgraph = load("objgraph", request["sources"])
    frames = []
    frame: Any = sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    extra = {id(thing) for thing in [*ignored, ignored, frames, *frames, *(each.f_locals for each in frames)]}
    chain = objgraph.find_backref_chain(sample, objgraph.is_proper_module, max_depth=DEPTH, extra_ignore=extra)
    return _hops(chain, show=bool(request["values"]))


def _hops(chain: list[Any], show: bool) -> list[str]:
    """One text per object; namespaces are told as the attribute they lead to."""
    hops = []
    for position, thing in enumerate(chain):
        holder = chain[position - 1] if position else None
        is_namespace = position > 1 and getattr(chain[position - 2], "__dict__", None) is holder
        if isinstance(thing, types.ModuleType):
            hops.append(f"module {thing.__name__}")
        elif is_namespace:
            hops.append(f"{_attribute(holder, thing)}{type_name(type(thing))}{_size(thing)}")
        else:
            hops.append(f"{_edge(holder, thing, show)}{type_name(type(thing))}{_size(thing)}")
    return hops


def _edge(holder: Any, thing: Any, show: bool) -> str:
    if isinstance(holder, dict):
        key = next((key for key, value in dict.items(holder) if value is thing), None)
        return f"[{_told(key, show)}]: "
    if isinstance(holder, (list, tuple, set, frozenset, deque)):
        return "[*]: "
    names = getattr(holder, "__dict__", {}) if holder is not None else {}
    if names is thing:
        return "__dict__: "
    return next((f".{name}: " for name, value in names.items() if value is thing), "")


def _attribute(namespace: Any, thing: Any) -> str:
    return next((f".{name}: " for name, value in namespace.items() if value is thing), "")


def _told(key: Any, show: bool) -> str:
    if show and isinstance(key, (str, bytes, int)):
        return repr(key)[:80]
    length = f" of {len(key)}" if isinstance(key, (str, bytes)) else ""
    return f"{type_name(type(key))}{length}"


def _size(thing: Any) -> str:
    length = length_of(thing)
    return f" of {length}" if length >= 0 else ""
