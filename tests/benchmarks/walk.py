"""How long a heap of a million objects takes to be walked or counted by type, and what the child copies and takes.

Usage: `python tests/benchmarks/walk.py [PYTHON ...]`; each interpreter walks and counts the same mixed heap three
times, each time in a fork of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import collections, functools, gc, os, sys, time, types
sys.path.insert(0, {root!r})
from leakhunt.agent.headroom import private_bytes, resident_bytes
from leakhunt.agent.child import Scene
from leakhunt.agent.probes.inventory import inventory
from leakhunt.agent.probes.paths import explore

shop = sys.modules["shop"] = types.ModuleType("shop")
class Slotted:
    __slots__ = ("name", "value")
    def __init__(self, name, value): self.name, self.value = name, value
class Plain:
    def __init__(self, number): self.number, self.label, self.tags = number, "label %d" % number, [str(number)]
class Link:
    def __init__(self, inner, number): self.inner, self.number = inner, number
def closure(number):
    kept = [number]
    return lambda: kept
MANY = range(55_000)
shop.ROWS = [{{"id": n + 10**6, "name": "name %d" % n, "price": n * 1.5}} for n in MANY]
shop.PLAIN = {{"key %d" % n: Plain(n) for n in MANY}}
shop.SLOTS = [Slotted("s %d" % n, (n, "v %d" % n)) for n in MANY]
shop.CLOSURES = [closure(n) for n in MANY[::4]]
shop.SETS = [frozenset((n, "x%d" % n)) for n in MANY[::4]]
shop.DEQUE = collections.deque(b"%d" % n for n in MANY[::2])
shop.PARTIALS = [functools.partial(print, n, key=n) for n in MANY[::8]]
shop.ORDERED = collections.OrderedDict((n, [str(n)]) for n in MANY[::4])
shop.HEAD = None
for n in MANY[::4]: shop.HEAD = Link(shop.HEAD, n)
gc.collect()
gc.disable()
tracked = gc.get_objects()
def walk():
    return sum(explore(tracked, ()).counts)
def count():
    return sum(count for _, count, _ in inventory(True, Scene(0, tracked)))
for work in (walk, count) * 3:
    pid = os.fork()
    if pid == 0:
        began = time.process_time()
        objects = work()
        took = time.process_time() - began
        print("%d.%d" % sys.version_info[:2], work.__name__, objects, "objects, %.2f s," % took,
              private_bytes() >> 20, "MiB copied and taken at RSS", resident_bytes() >> 20, "MiB", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


def main() -> None:
    for python in sys.argv[1:] or [sys.executable]:
        subprocess.run([python, "-W", "ignore", "-c", PROGRAM.format(root=str(ROOT))], check=True)


if __name__ == "__main__":
    main()
