"""The walk over the heap: breadth-first from the roots, objects gathered under one node per parent node, edge and type.

Indexes and keys of containers are masked, `__dict__` is no hop, and what repeats on the way (a linked list, a tree)
is one node. Each object counts once, at the first node it is met at: by the order of roots and by distance.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import deque

from leakhunt.agent.probes.met import IN_PAGE, PAGE, Met
from leakhunt.agent.probes.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    Plan = Callable[["Walk", Any, int], None]
    Chain = tuple[tuple[str, str], ...]

LIMIT = 200_000
"""Nodes; objects that would make more are counted at their parents' nodes."""
REPEATS = 4
"""Hops after which a way may come back to a node like one it has passed, and is taken to go round."""
STRIDE = 20_000
"""Objects between two looks at what the walk has cost."""
LEAVES = frozenset({str, bytes, int, float, bool, complex, type(None), type(...), type(NotImplemented), range})
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

    def __init__(
        self,
        plan_for: Callable[[type], Plan],
        wanted: Iterable[Chain] = (),
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`wanted` are chains of (edge, type) whose objects are kept; `check` raises to give the walk up."""
        self.parents = [-1]
        self.edges = [""]
        self.types = [""]
        self.counts = [0]
        self.sizes = [0]
        self.lengths = [0]
        """Entries of the containers at a node, whoever else has them."""
        self.met = Met()
        self.found: dict[int, list[Any]] = {}
        """Objects at the nodes that were asked for."""
        self.goals: dict[int, Chain] = {}
        self._names = Names()
        self._steps = {chain[:depth] for chain in wanted for depth in range(len(chain) + 1)}
        self._wanted = set(wanted)
        self._chains: dict[int, Chain] = {0: ()} if self._wanted else {}
        self._nodes: dict[tuple[int, str, type], int] = {}
        self._places: dict[tuple[int, str, str], int] = {}
        self._plan_for = plan_for
        self._plans: dict[type, Plan] = {}
        self._check = check
        self._queue: deque[Any] = deque()
        """Objects to look into, each followed by its node: pairs would be a million tuples."""
        self.many = _meet_many(self, self._queue)
        """All children behind one masked edge: `many(children, node, edge)`."""
        self.names = _meet_names(self, self._queue)
        """The values of a namespace, as attributes: `names(namespace, node)`."""

    def skip(self, objects: Iterable[Any]) -> None:
        """Never look at these. The caller keeps them alive."""
        for thing in objects:
            self.met.add(thing)

    def run(self) -> None:
        """Walk on until nothing more can be reached."""
        queue, plans = self._queue, self._plans
        take = queue.popleft
        while queue:
            self._check()
            for _ in range(min(STRIDE, len(queue) // 2)):
                thing, node = take(), take()
                kind = type(thing)
                plan = plans.get(kind)
                if plan is None:
                    plan = plans[kind] = self._plan_for(kind)
                    self.one(kind, node, ".__class__")
                try:
                    plan(self, thing, node)
                except Exception:  # noqa: S112  # an object that cannot be looked into is a leaf
                    continue

    def one(self, child: Any, node: int, edge: str) -> None:
        """One child behind an edge of its own."""
        if not self.met.has(child):
            self.many((child,), node, edge)

    def own(self, part: Any, node: int) -> bool:
        """An object that is no hop: its size belongs to the node. Whether it had not been met."""
        new = self.met.add(part)
        if new:
            self.sizes[node] += sys.getsizeof(part, 0)
        return new

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
        self.met.add(thing)
        place = self.place(0, name, type(thing))
        self.counts[place] += 1
        self.sizes[place] += sys.getsizeof(thing, 0)
        self._queue.append(thing)
        self._queue.append(place)
        return place

    def place(self, node: int, edge: str, kind: type) -> int:
        """The node for these three, made if it is new."""
        key = (node, edge, kind)
        place = self._nodes.get(key)
        if place is None:
            place = self._nodes[key] = self._find(node, self._names.edge(node, edge), self._names.type(node, kind))
        return place

    def _find(self, node: int, edge: str, name: str) -> int:
        # Classes that are made anew with every request have one name, and one node.
        key = (node, edge, name)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._passed(node, edge, name) or self._new(node, edge, name)
        return place

    def _passed(self, node: int, edge: str, name: str) -> int | None:
        """The node on the way here that this one would repeat."""
        for _ in range(REPEATS):
            if edge == self.edges[node] and name == self.types[node]:
                return node
            node = self.parents[node]
            if node <= 0:
                return None
        return None

    def _new(self, node: int, edge: str, name: str) -> int:
        place = len(self.parents)
        if place >= LIMIT:
            return node
        self.parents.append(node)
        self.edges.append(edge)
        self.types.append(name)
        self.counts.append(0)
        self.sizes.append(0)
        self.lengths.append(0)
        if node in self._chains:
            self._watch(place, (*self._chains[node], (edge, name)))
        return place

    def _watch(self, place: int, chain: Chain) -> None:
        if chain in self._steps:
            self._chains[place] = chain
        if chain in self._wanted:
            self.found[place] = []
            self.goals[place] = chain


def _meet_many(walk: Walk, queue: deque[Any]) -> Callable[[Iterable[Any], int, str], None]:
    # Runs once per object of the heap: variables of a closure are reached faster than attributes.
    pages, counts, sizes, found = walk.met, walk.counts, walk.sizes, walk.found
    enqueue, place_of, getsizeof, leaves, folded = queue.append, walk.place, sys.getsizeof, LEAVES, FOLDED
    fold, function, bits, mask = walk.fold, types.FunctionType, PAGE, IN_PAGE

    def many(children: Iterable[Any], node: int, edge: str) -> None:
        last: Any = None
        place = 0
        for child in children:
            identity = id(child)
            page = pages[identity >> bits]
            identity = identity >> 4 & mask
            if page[identity]:
                continue
            page[identity] = 1
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
                enqueue(child)
                enqueue(place)
            if found and place in found:
                found[place].append(child)

    return many


def _meet_names(walk: Walk, queue: deque[Any]) -> Callable[[dict[Any, Any], int], None]:
    pages, counts, sizes, found = walk.met, walk.counts, walk.sizes, walk.found
    enqueue, place_of, own = queue.append, walk.place, walk.own
    getsizeof, leaves, folded = sys.getsizeof, LEAVES, FOLDED
    fold, function, bits, mask = walk.fold, types.FunctionType, PAGE, IN_PAGE
    places: dict[tuple[int, Any, type], int] = {}

    def names(namespace: dict[Any, Any], node: int) -> None:
        own(namespace, node)
        for name, child in namespace.items():
            identity = id(child)
            page = pages[identity >> bits]
            identity = identity >> 4 & mask
            if page[identity]:
                continue
            page[identity] = 1
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
                enqueue(child)
                enqueue(place)
            if found and place in found:
                found[place].append(child)

    return names
