"""The whole heap as a graph: every object with its type, its size and what it refers to, sent while it is read.

It works on some thousand objects at a time, in columns that functions of C fill, so that an object costs a few
hundred nanoseconds and hardly any memory: a byte for every 16 of the heap notes what was met. The controller packs what
comes and writes the file, see `docs/decisions/0010-heap-file.md`.
"""

from __future__ import annotations

import gc
import json
import sys
import types
from array import array
from itertools import chain, compress, filterfalse
from operator import add
from struct import Struct

from leakhunt.agent.originals import get_ident
from leakhunt.agent.probes.met import IN_PAGE, PAGE, Met
from leakhunt.agent.probes.names import mask, type_name
from leakhunt.agent.probes.plans import OWN
from leakhunt.agent.probes.referents import CODED, DICT, NAMED, PLAIN, Kinds, built_in
from leakhunt.agent.sampling import Sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

    from leakhunt.agent.child import Scene
    from leakhunt.agent.probes.referents import Look, Seen

BATCH = 8192
"""Objects that are looked at together."""
LONGEST = 64
"""Characters of a key that is kept where keys are asked for."""
COUNTS = Struct("<II")
"""Before the columns of a chunk of objects: how many there are, and to how many others they refer."""
OBJECTS, TEXTS, TABLES, SAMPLED = b"OBJS", b"TEXT", b"TABL", b"SAMP"
"""Tags of what is sent: chunks of objects, names of some of them, one table of types, layouts and roots, and what the
native sampler has seen allocated, if it runs."""

_ONLY = [bytes(way == each for each in range(256)) for way in range(4)]


def graph(options: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """Send the heap; how many objects and references it has.

    `options` may ask for `keys`: then short strings that are keys of dictionaries are told. Else no content of a
    string is, but for names that stand in code: of variables, attributes, functions, classes and modules.
    """
    if Sampling.module is not None:
        scene.send(SAMPLED, json.dumps(Sampling.module.read()).encode())
    # Nothing but the list of all refers to this one: it shows how many references to each object are ours.
    scene.tracked.append([])
    probe = id(scene.tracked[-1])
    reader = _Reader(scene, keys=bool(options.get("keys")))
    reader.roots()
    reader.read(scene.tracked)
    scene.tracked.pop()
    return reader.finish(probe)


class _Reader:
    def __init__(self, scene: Scene, *, keys: bool) -> None:
        self._scene = scene
        self._keys = keys
        self._met = Met()
        self._frames: list[Any] = []
        self._kinds = Kinds(self._met, self._frame)
        self._texts = _Texts(scene)
        self._roots: list[tuple[str, str, int]] = []
        self._objects = self._references = 0
        for each in map(id, scene.tracked):
            self._met[each >> PAGE][each >> 4 & IN_PAGE] = 1

    def roots(self) -> None:
        """Modules, and the frames of every thread."""
        for name, module in list(sys.modules.items()):
            own = name.split(".")[0] == OWN
            self._roots.append(("own" if own else "module", name, id(module)))
            self._texts.add(module, name)
            if isinstance(module, types.ModuleType):
                self._texts.names(vars(module))
        threading = sys.modules.get("threading")
        active = getattr(threading, "_active", {})
        for ident, frame in sys._current_frames().items():
            name = mask(str(getattr(active.get(ident), "_name", None) or "without a name"))
            own = ident == get_ident() or frame.f_code.co_filename.startswith(f"<{OWN}")
            caller: Any = frame
            while caller is not None:
                function = getattr(caller.f_code, "co_qualname", caller.f_code.co_name)
                self._roots.append(("own" if own else "thread", f"{name}: {function}", id(caller)))
                self._frame(caller)
                caller = caller.f_back

    def read(self, tracked: list[Any]) -> None:
        """All that the collector knows, and what only that leads to."""
        for start in range(0, len(tracked), BATCH):
            self._read(tracked[start : start + BATCH])
        while self._frames:
            frames = self._frames[:]
            del self._frames[:]
            self._read(frames)

    def finish(self, probe: int) -> dict[str, Any]:
        """Send the tables that all objects share."""
        self._texts.send()
        layouts = [list(names) for names in self._kinds.layouts]
        tables = {"types": self._kinds.rows, "layouts": layouts, "roots": self._roots, "probe": probe}
        self._scene.send(TABLES, json.dumps(tables).encode())
        return {"objects": self._objects, "references": self._references}

    def _frame(self, frame: Any) -> None:
        """A frame is an object from when it is asked for: it need not be among what the collector knew."""
        if self._met.add(frame):
            self._frames.append(frame)

    def _read(self, things: list[Any]) -> None:
        """These, and what the collector does not know of what they refer to, piece by piece."""
        waiting = [things]
        while waiting:
            self._scene.check()
            some = waiting.pop()
            if len(some) > BATCH:
                waiting.append(some[BATCH:])
                some = some[:BATCH]
            found = self._batch(some)
            if found:
                waiting.append(found)

    def _batch(self, things: list[Any]) -> list[Any]:
        """Send these; what they refer to and was not met yet."""
        ways = bytes(map(self._kinds.ways.__getitem__, map(type, things)))
        found: list[Any] = []
        for way, send in ((PLAIN, self._plain), (DICT, self._dicts), (NAMED, self._named), (CODED, self._coded)):
            some = list(compress(things, ways.translate(_ONLY[way])))
            if some:
                send(some, array("q", map(sys.getrefcount, some)), found)
        return found

    # References are counted before more of ours come.

    def _plain(self, things: list[Any], counts: array[int], found: list[Any]) -> None:
        self._unnamed(things, counts, found, list(map(gc.get_referents, things)))

    def _unnamed(self, things: list[Any], counts: array[int], found: list[Any], held: list[list[Any]]) -> None:
        sizes = array("Q", map(sys.getsizeof, things))
        layouts = array("I", bytes(4 * len(things)))
        self._send(things, counts, sizes, array("I", map(len, held)), layouts, chain.from_iterable(held))
        self._meet(chain.from_iterable(held), found)

    def _coded(self, things: list[Any], counts: array[int], found: list[Any]) -> None:
        held = [gc.get_referents(thing) or built_in(thing) for thing in things]
        self._unnamed(things, counts, found, held)
        self._texts.look(things)

    def _dicts(self, things: list[Any], counts: array[int], found: list[Any]) -> None:
        lengths = array("I", map(dict.__len__, things))
        degrees = array("I", map(add, lengths, lengths))
        sizes = array("Q", map(sys.getsizeof, things))
        self._send(things, counts, sizes, degrees, lengths, _entries(things))
        self._meet(_entries(things), found)
        if self._keys:
            self._texts.keys(things)

    def _named(self, things: list[Any], counts: array[int], found: list[Any]) -> None:
        looks = self._kinds.looks
        seen = [self._look(looks[type(thing)], thing) for thing in things]
        layouts, held = array("I", (layout for layout, _, _ in seen)), [each for _, each, _ in seen]
        sizes = array("Q", map(add, map(self._size, things), (more for _, _, more in seen)))
        self._send(things, counts, sizes, array("I", map(len, held)), layouts, chain.from_iterable(held))
        self._meet(chain.from_iterable(held), found)
        if self._keys:
            self._texts.keys([thing for thing in things if issubclass(type(thing), dict)])

    @staticmethod
    def _look(look: Look, thing: Any) -> Seen:
        try:
            return look(thing)
        except Exception:  # as of a frame that has no locals any more
            return 0, gc.get_referents(thing), 0

    def _send(
        self,
        things: list[Any],
        counts: array[int],
        sizes: array[int],
        degrees: array[int],
        layouts: array[int],
        held: Iterable[Any],
    ) -> None:
        addresses = array("Q", map(id, things))
        kinds = array("I", map(self._kinds.__getitem__, map(type, things)))
        references = array("Q", map(id, held))
        self._objects += len(things)
        self._references += len(references)
        head = COUNTS.pack(len(things), len(references))
        self._scene.send(OBJECTS, head, addresses, kinds, sizes, counts, degrees, layouts, references)

    def _size(self, thing: Any) -> int:
        try:
            return min(max(0, int(self._kinds.sizes[type(thing)](thing))), 1 << 62)
        except Exception:
            return 0

    def _meet(self, held: Iterable[Any], found: list[Any]) -> None:
        """Keep what the collector does not know and nothing has led to before."""
        met, bits, page_mask = self._met, PAGE, IN_PAGE
        unknown = list(filterfalse(gc.is_tracked, held))
        for identity, thing in dict(zip(map(id, unknown), unknown)).items():
            page = met[identity >> bits]
            place = identity >> 4 & page_mask
            if not page[place]:
                page[place] = 1
                found.append(thing)


def _entries(dicts: list[Any]) -> Iterable[Any]:
    """Of each the values, then the keys."""
    return chain.from_iterable(chain.from_iterable(zip(map(dict.values, dicts), map(dict.keys, dicts))))


class _Texts:
    """Names of objects by address, sent now and then."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seen = Met()
        self._addresses = array("Q")
        self._lengths = array("I")
        self._parts: list[bytes] = []

    def add(self, thing: Any, text: str) -> None:
        """The name of an object, once."""
        if self._seen.add(thing):
            part = text.encode("utf-8", "replace")
            self._addresses.append(id(thing))
            self._lengths.append(len(part))
            self._parts.append(part)
            if len(self._parts) >= BATCH:
                self.send()

    def send(self) -> None:
        """What has come together."""
        body = b"".join(self._parts)
        head = COUNTS.pack(len(self._addresses), len(body))
        self._scene.send(TEXTS, head, self._addresses, self._lengths, body)
        self._addresses, self._lengths, self._parts = array("Q"), array("I"), []

    def names(self, namespace: Any) -> None:
        """The names in the namespace of a module or a class."""
        for name in list(namespace):
            if type(name) is str and name.isidentifier():
                self.add(name, name)

    def keys(self, dicts: list[Any]) -> None:
        """Short keys, whatever they are."""
        for key in chain.from_iterable(map(dict.keys, dicts)):
            if type(key) is str and len(key) <= LONGEST:
                self.add(key, key)

    def look(self, things: list[Any]) -> None:
        """The names that code has: in it, and of functions and classes."""
        for thing in things:
            kind = type(thing)
            if kind is types.CodeType:
                for part in (thing.co_names, thing.co_varnames, thing.co_freevars, thing.co_cellvars):
                    for name in part:
                        self.add(name, name)
                self.add(thing, getattr(thing, "co_qualname", thing.co_name))
            elif kind is types.FunctionType:
                module = thing.__module__
                self.add(thing, f"{module}.{thing.__qualname__}" if type(module) is str else thing.__qualname__)
            elif issubclass(kind, type):
                self.add(thing, type_name(thing))
                self.names(type.__dict__["__dict__"].__get__(thing))
