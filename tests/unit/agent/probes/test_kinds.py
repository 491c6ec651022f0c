"""Paths read like Python and point at what one would look at: a small program for each way to hold something."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import pytest

from unit.agent.probes.inside import each_interpreter, run_inside

PROGRAMS: Final = {
    "closure": (
        """
def handler(leak):
    def call(): return leak
    return call
app.HANDLERS = [handler(Leak())]
""",
        "app.HANDLERS[*].<closure leak>",
    ),
    "bound method": (
        """
class Job:
    def __init__(self, leak): self.payload = leak
    def run(self): pass
app.JOBS = [Job(Leak()).run]
""",
        "app.JOBS[*].__self__.payload",
    ),
    "bound method of a C type": ("app.HOOKS = [[Leak()].append]", "app.HOOKS[*].__self__[*]"),
    "partial": (
        "import functools; app.LATER = [functools.partial(print, file=Leak())]",
        "app.LATER[*].keywords['*']",
    ),
    "slots": (
        """
class Row:
    __slots__ = ("value", "empty")
app.ROWS = [Row()]
app.ROWS[0].value = Leak()
""",
        "app.ROWS[*].value",
    ),
    "property of a class": (
        "app.Model = type('Model', (), {'cached': [Leak()], '__module__': app.__name__})",
        "app.Model.cached[*]",
    ),
    "values of a WeakKeyDictionary": (
        """
import weakref
class User: pass
app.USER = User()
app.PER_USER = weakref.WeakKeyDictionary({app.USER: Leak()})
""",
        "app.PER_USER.data['*']",
    ),
    "callback of a weak reference": (
        """
import weakref
class Target: pass
app.TARGET = Target()
app.WATCH = [weakref.ref(app.TARGET, functools.partial(getattr, Leak(), 'x'))]
""",
        "app.WATCH[*].__callback__.args[*]",
    ),
    "weakref.finalize": (
        """
import weakref
class Resource: pass
app.RESOURCE = Resource()
weakref.finalize(app.RESOURCE, id, Leak())
""",
        "weakref.finalize._registry['*'].args[*]",
    ),
    "thread local": (
        "import threading; app.LOCAL = threading.local(); app.LOCAL.user = Leak()",
        "app.LOCAL.user",
    ),
    "context that is kept": (
        """
import contextvars
variable = contextvars.ContextVar("user-17")
app.CONTEXT = contextvars.copy_context()
app.CONTEXT.run(variable.set, Leak())
del variable
""",
        "app.CONTEXT[<ContextVar user-*>]",
    ),
    "value of a context variable that was replaced": (
        """
import contextvars
def set_twice():
    variable = contextvars.ContextVar("user")
    variable.set(Leak())
    return variable.set(None)
app.TOKENS = [contextvars.Context().run(set_twice)]
""",
        "app.TOKENS[*].old_value",
    ),
    "lru_cache": (
        """
import functools
@functools.lru_cache(maxsize=64)
def load(number): return Leak()
load(1)
app.load = load
""",
        "app.load.cache['*']",
    ),
    "key of an lru_cache: self": (
        """
import functools
class Endpoint:
    @functools.lru_cache(maxsize=None)
    def resolve(self, name): return 1
Endpoint.__module__ = app.__name__
endpoint = Endpoint()
endpoint.leak = Leak()
endpoint.resolve("s3")
app.Endpoint = Endpoint
del endpoint
""",
        "app.Endpoint.resolve.cache.keys()[*][*].leak",
    ),
    "registry of a metaclass": (
        """
class Registry(type):
    members = {}
    def __init__(cls, *args): Registry.members[cls.__name__ + str(id(cls))] = cls
Registry.__module__ = app.__name__
app.Registry = Registry
made = Registry("Made", (), {"leak": Leak()})
del made
""",
        "app.Registry.members['*'].leak",
    ),
    "receivers of a signal": (
        """
class Signal:
    def __init__(self): self.receivers = []
app.saved = Signal()
app.saved.receivers.append(((1, 2), functools.partial(print, Leak()), None))
""",
        "app.saved.receivers[*][*].args[*]",
    ),
    "exception with its traceback": (
        """
def view():
    request = Leak()
    raise ValueError("x")
try: view()
except ValueError as error: app.ERRORS = [error]
""",
        "app.ERRORS[*].__traceback__.tb_next.tb_frame.<local request of view>",
    ),
    "generator that waits": (
        """
def export(leak):
    rows = [leak]
    del leak
    yield len(rows)
app.STREAMS = [export(Leak())]
next(app.STREAMS[0])
""",
        "app.STREAMS[*].<local rows of export>[*]",
    ),
    "coroutine that waits": (
        """
import asyncio
async def wait(leak): await asyncio.sleep(1000)
app.COROUTINES = [wait(Leak())]
app.COROUTINES[0].send(None) if False else None
""",
        "app.COROUTINES[*].<local leak of wait>",
    ),
    "task": (
        """
import asyncio
async def work(leak): await asyncio.get_running_loop().create_future()
async def main():
    task = asyncio.get_running_loop().create_task(work(Leak()))
    await asyncio.sleep(0)
    return task
app.LOOP = asyncio.new_event_loop()
app.TASKS = [app.LOOP.run_until_complete(main())]
""",
        "app.TASKS[*]._coro.<local leak of work>",
    ),
    "callback of a future": (
        """
import asyncio
app.LOOP = asyncio.new_event_loop()
app.FUTURES = [app.LOOP.create_future()]
app.FUTURES[0].add_done_callback(functools.partial(print, Leak()))
""",
        "app.FUTURES[*]._callbacks[*].args[*]",
    ),
    "queue": ("import queue; app.QUEUE = queue.Queue(); app.QUEUE.put(Leak())", "app.QUEUE.queue[*]"),
    "queue in C": ("import queue; app.QUEUE = queue.SimpleQueue(); app.QUEUE.put(Leak())", "app.QUEUE[*]"),
    "handler of a logger": (
        """
import logging.handlers
handler = logging.handlers.MemoryHandler(10)
handler.buffer.append(Leak())
app.LOG = logging.Logger("app")
app.LOG.addHandler(handler)
del handler
""",
        "app.LOG.handlers[*].buffer[*]",
    ),
    "single dispatch": (
        """
import functools
@functools.singledispatch
def show(thing): pass
show.register(type("T", (), {"leak": Leak()}), print)
app.show = show
""",
        "app.show.register.<closure registry>.keys()[*].leak",
    ),
    "view of a dict": ("app.VIEW = [{'a': Leak()}.values()]", "app.VIEW[*].mapping['*']"),
    "tree": (
        """
class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1)] if depth else []
        self.leak = None if depth else Leak()
app.TREE = Node(30)
""",
        "app.TREE.children[*].leak",
    ),
    "attributes with made-up names": (
        """
app.STATE = type("State", (), {})()
for number in range(40): setattr(app.STATE, f"job_{number}", None)
for number in range(40): setattr(app.STATE, f"job_{number}", [number])
app.STATE.job_39.append(Leak())
""",
        "app.STATE.job_*[*]",
    ),
    "modules with made-up names": (
        """
for number in range(40):
    sys.modules[f"plugin_{number:02}"] = types.ModuleType(f"plugin_{number:02}")
sys.modules["plugin_39"].DATA = [Leak()]
""",
        "plugin_*.DATA[*]",
    ),
    "cycle that waits for the collector": (
        """
class Cyclic: pass
Cyclic.__module__ = app.__name__
app.Cyclic = Cyclic
thing = Cyclic()
thing.me, thing.leak = thing, Leak()
del thing
""",
        "<cycles not yet collected>.<object>.leak",
    ),
    "reference that C has lost": (
        """
import ctypes
lost = [Leak()]
ctypes.pythonapi.Py_IncRef(ctypes.py_object(lost))
del lost
""",
        "<held outside Python>.<object>[*]",
    ),
    "function that C alone holds": (
        """
import ctypes
def build(leak):
    def hook(): return leak
    return hook
hook = build(Leak())
ctypes.pythonapi.Py_IncRef(ctypes.py_object(hook))
del hook
""",
        "<held outside Python>.<function build.<locals>.hook>.<closure leak>",
    ),
}
_WALK: Final = """
import functools, gc, os
from leakhunt.agent.probes.paths import explore
for name, program in given.items():
    app = sys.modules[name] = types.ModuleType(name)
    leak = type("Leak", (), {"__module__": name})
    exec(program, {"app": app, "Leak": leak, "sys": sys, "types": types, "functools": functools})
walk = explore(gc.get_objects(), ())
found = {name: [] for name in given}
for place, kind in enumerate(walk.types):
    if kind.endswith(".Leak"):
        text, node = "", place
        while node > 0:
            text, node = walk.edges[node] + text, walk.parents[node]
        found[kind[:-5]] += [text] * walk.counts[place]
print(json.dumps(found))
sys.stdout.flush()
os._exit(0)  # without finalizers and complaints about what waits for ever
"""


def module_of(kind: str) -> str:
    """Each program has a module of its own; one walk is enough for all of them."""
    return "app " + kind


@functools.cache
def paths_of(python: Path) -> Any:
    """By module, the paths to its leak."""
    return run_inside(python, _WALK, {module_of(kind): program for kind, (program, _) in PROGRAMS.items()})


@each_interpreter
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_holder_is_named_as_one_would_write_it(python: Path, kind: str) -> None:
    path = PROGRAMS[kind][1]
    expected = module_of(kind) + path[3:] if path.startswith("app.") else path
    assert paths_of(python)[module_of(kind)] == [expected]
