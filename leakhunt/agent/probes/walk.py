"""The walk over the heap: breadth-first from the roots, objects gathered under one node per parent node, edge and type.

Indexes and keys of containers are masked, `__dict__` is no hop, and a chain of equal hops (a linked list) is one
node. Each object counts once, at the first node it is met at: by the order of roots and by distance.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    Plan = Callable[["Walk", Any, int], None]

LIMIT = 200_000
"""Nodes; objects that would make more are counted at their parents' nodes."""
LEAVES = frozenset(
    {str, bytes, int, float, bool, complex, type(None), type(...), type(NotImplemented), range, bytearray}
)
FOLDED = frozenset(
    {
        types.CodeType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.ClassMethodDescriptorType,
    }
)
"""Parts of functions and classes: they come and go with those, so their sizes belong to those and need no node."""


_PARTS = frozenset({dict, tuple, str, types.CodeType})
"""What a function consists of, its globals apart."""


class Walk:
    """Nodes as parallel lists; node 0 is the root of all."""

    def __init__(self, plan_for: Callable[[type], Plan], wanted: Iterable[tuple[tuple[str, str], ...]] = ()) -> None:
        self.parents = [-1]
        self.edges = [""]
        self.types = [""]
        self.counts = [0]
        self.sizes = [0]
        self.seen: set[int] = set()
        self.found: dict[int, list[Any]] = {}
        """Objects at the nodes that were asked for."""
        self.goals: dict[int, tuple[tuple[str, str], ...]] = {}
        self._steps = {chain[:depth] for chain in wanted for depth in range(len(chain) + 1)}
        self._wanted = set(wanted)
        self._chains: dict[int, tuple[tuple[str, str], ...]] = {0: ()} if self._wanted else {}
        self._nodes: dict[tuple[int, str, type], int] = {}
        self._names: dict[type, str] = {}
        self._plan_for = plan_for
        self._plans: dict[type, Plan] = {}
        self._queue: deque[tuple[Any, int]] = deque()
        self.many = _meet_many(self, self._queue)
        """All children behind one masked edge: `many(children, node, edge)`."""
        self.names = _meet_names(self, self._queue)
        """The values of a namespace, as attributes: `names(namespace, node)`."""

    def skip(self, objects: Iterable[Any]) -> None:
        """Never look at these. The caller keeps them alive."""
        self.seen.update(map(id, objects))

    def run(self) -> None:
        """Walk on until nothing more can be reached."""
        queue, plans = self._queue, self._plans
        while queue:
            thing, node = queue.popleft()
            kind = type(thing)
            plan = plans.get(kind)
            if plan is None:
                plan = plans[kind] = self._plan_for(kind)
            try:
                plan(self, thing, node)
            except Exception:  # noqa: S112  # an object that cannot be looked into is a leaf
                continue

    def one(self, child: Any, node: int, edge: str) -> None:
        """One child behind an edge of its own."""
        if id(child) not in self.seen:
            self.many((child,), node, edge)

    def own(self, part: Any, node: int) -> None:
        """An object that is no hop: its size belongs to the node."""
        if id(part) not in self.seen:
            self.seen.add(id(part))
            self.sizes[node] += sys.getsizeof(part, 0)

    def fold(self, function: types.FunctionType, node: int) -> bool:
        """Count a function that can hold nothing to the node that has it; False if it has room for something.

        Every second object of a web app is such a function.
        """
        if function.__closure__ or function.__defaults__ or function.__kwdefaults__ or function.__dict__:
            return False
        self.sizes[node] += sys.getsizeof(function, 0)
        names = function.__globals__
        for part in gc.get_referents(function):
            if type(part) in _PARTS and part is not names:
                self.own(part, node)
        return True

    def root(self, name: str, thing: Any) -> int:
        """A root under its own name; its node."""
        self.seen.add(id(thing))
        place = self.place(0, name, type(thing))
        self.counts[place] += 1
        self.sizes[place] += sys.getsizeof(thing, 0)
        self._queue.append((thing, place))
        return place

    def place(self, node: int, edge: str, kind: type) -> int:
        """The node for these three, made if it is new."""
        key = (node, edge, kind)
        place = self._nodes.get(key)
        if place is None:
            place = self._nodes[key] = self._new(node, edge, kind)
        return place

    def _new(self, node: int, edge: str, kind: type) -> int:
        name = self._names.get(kind)
        if name is None:
            name = self._names[kind] = type_name(kind)
        if edge == self.edges[node] and name == self.types[node]:
            return node
        place = len(self.parents)
        if place >= LIMIT:
            return node
        self.parents.append(node)
        self.edges.append(edge)
        self.types.append(name)
        self.counts.append(0)
        self.sizes.append(0)
        if node in self._chains:
            self._watch(place, (*self._chains[node], (edge, name)))
        return place

    def _watch(self, place: int, chain: tuple[tuple[str, str], ...]) -> None:
        if chain in self._steps:
            self._chains[place] = chain
        if chain in self._wanted:
            self.found[place] = []
            self.goals[place] = chain


def _meet_many(walk: Walk, queue: deque[tuple[Any, int]]) -> Callable[[Iterable[Any], int, str], None]:
    # Runs once per object of the heap: variables of a closure are reached faster than attributes.
    seen, meet, counts, sizes, found = walk.seen, walk.seen.add, walk.counts, walk.sizes, walk.found
    enqueue, place_of, getsizeof, leaves, folded = queue.append, walk.place, sys.getsizeof, LEAVES, FOLDED
    fold, function = walk.fold, types.FunctionType

    def many(children: Iterable[Any], node: int, edge: str) -> None:
        last: Any = None
        place = 0
        for child in children:
            identity = id(child)
            if identity in seen:
                continue
            meet(identity)
            kind = type(child)
            if kind in folded:
                sizes[node] += getsizeof(child, 0)
                continue
            if kind is function and fold(child, node):
                continue
            if kind is not last:
                place = place_of(node, edge, kind)
                last = kind
            counts[place] += 1
            sizes[place] += getsizeof(child, 0)
            if kind not in leaves:
                enqueue((child, place))
            if found and place in found:
                found[place].append(child)

    return many


def _meet_names(walk: Walk, queue: deque[tuple[Any, int]]) -> Callable[[dict[Any, Any], int], None]:
    seen, meet, counts, sizes, found = walk.seen, walk.seen.add, walk.counts, walk.sizes, walk.found
    enqueue, place_of, own = queue.append, walk.place, walk.own
    getsizeof, leaves, folded = sys.getsizeof, LEAVES, FOLDED
    fold, function = walk.fold, types.FunctionType
    places: dict[tuple[int, Any, type], int] = {}

    def names(namespace: dict[Any, Any], node: int) -> None:
        own(namespace, node)
        for name, child in namespace.items():
            identity = id(child)
            if identity in seen:
                continue
            meet(identity)
            kind = type(child)
            if kind in folded:
                sizes[node] += getsizeof(child, 0)
                continue
            if kind is function and fold(child, node):
                continue
            key = node, name, kind
            place = places.get(key)
            if place is None:
                place = places[key] = place_of(node, "." + name if type(name) is str else "['*']", kind)
            counts[place] += 1
            sizes[place] += getsizeof(child, 0)
            if kind not in leaves:
                enqueue((child, place))
            if found and place in found:
                found[place].append(child)

    return names


def type_name(kind: type) -> str:
    """`module.Name`, without `builtins`."""
    module = type.__dict__["__module__"].__get__(kind)
    name = type.__dict__["__name__"].__get__(kind)
    return name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"


def unreferenced(objects: list[Any]) -> list[Any]:
    """Those that no other of them refers to: where to begin when nobody in Python holds them."""
    inner = {id(child) for thing in objects for child in gc.get_referents(thing) if child is not thing}
    return [thing for thing in objects if id(thing) not in inner]
