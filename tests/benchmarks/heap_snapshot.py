"""A heap from the request to the suspects: how long the process stands still, and what it takes of time and memory.

Usage: `python tests/benchmarks/heap_snapshot.py [MILLIONS ...] [--python PYTHON]`; a million and ten millions of
objects if nothing is given. The other tools (objgraph, Pympler, guppy3 if that is installed) look at the same heap
inside a process of its own, which is how they are used. PyHeap is on no package index and is not compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
HEAP: Final = """
import collections, functools, gc, json, os, resource, sys, threading, time, types
shop = sys.modules["shop"] = types.ModuleType("shop")
class Slotted:
    __slots__ = ("name", "value")
    def __init__(self, name, value): self.name, self.value = name, value
class Plain:
    def __init__(self, number): self.number, self.label, self.tags = number, "label %d" % number, [str(number)]
def closure(number):
    kept = [number]
    return lambda: kept
MANY = range(int({millions} * 55_000))
shop.ROWS = [{{"id": n + 10**6, "name": "name %d" % n, "price": n * 1.5}} for n in MANY]
shop.PLAIN = {{"key %d" % n: Plain(n) for n in MANY}}
shop.SLOTS = [Slotted("s %d" % n, (n, "v %d" % n)) for n in MANY]
shop.CLOSURES = [closure(n) for n in MANY[::4]]
shop.SETS = [frozenset((n, "x%d" % n)) for n in MANY[::4]]
shop.DEQUE = collections.deque(b"%d" % n for n in MANY[::2])
shop.PARTIALS = [functools.partial(print, n, key=n) for n in MANY[::8]]
gc.collect()
"""
# The process works all the time, touching all of its heap in turns: what it is kept from is seen in its gaps.
WORKING: Final = """
gaps, ending, total, last = [], False, 0, time.perf_counter()
def tell(_):
    global ending
    ending = True
def listen():
    for line in sys.stdin:
        gaps.clear() if line == "begin\\n" else print(max(gaps), flush=True)
threading.Thread(target=listen, daemon=True).start()
sys.setswitchinterval(0.0005)
print("ready", flush=True)
while True:
    for row in shop.ROWS:
        total += row["id"]
        now = time.perf_counter()
        gaps.append(now - last) if now - last > 0.0005 else None
        last = now
"""
ANALYSE: Final = """
import json, resource, sys, time
from pathlib import Path
began = time.perf_counter()
from leakhunt.analysis.heap.analysed import analyse_heap
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.heapfile.read import read_heap
graph = read_heap(Path(sys.argv[1]))
read = time.perf_counter() - began
found = dominators(analyse_heap(graph))
suspect = found.suspects[0]
print(json.dumps([read, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
                  found.summary.objects, [step.edge for step in suspect.path]]))
"""
PEERS: Final = {
    "objgraph": "objgraph.typestats()",
    "pympler": "summary.summarize(muppy.get_objects())",
    "guppy": "heap = hpy().heap(); largest = heap.byrcs[0]; str(largest); heap[0].domisize",
}
IMPORTS: Final = {
    "objgraph": "import objgraph",
    "pympler": "from pympler import muppy, summary",
    "guppy": "from guppy import hpy",
}
PEER: Final = """
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
{work}
print(json.dumps([time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10]))
"""


def main() -> None:
    """Print one table for leakhunt and one for the others, of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", type=float, nargs="*", default=[1.0, 10.0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    print(
        "| objects | file | longest pause | without a snapshot | per million | until written | copied | read"
        " | suspects | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for millions in options.millions:
        _leakhunt(millions, options.python)
    if options.no_peers:
        return
    print("\n| inside a process of its own | objects | stands still for | memory it takes |\n|---|---|---|---|")
    for millions in options.millions:
        for name, work in PEERS.items():
            _peer(name, work, millions)


def _leakhunt(millions: float, python: str) -> None:
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory:
        file = Path(directory) / "a.heap"
        program = HEAP.format(millions=millions) + WORKING
        with subprocess.Popen(
            [python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as target:
            assert target.stdin is not None
            assert target.stdout is not None
            target.stdout.readline()
            idle = _gap(target, lambda: time.sleep(3))
            began = time.perf_counter()
            command = [sys.executable, "-m", "leakhunt", "heap", "take", str(target.pid), "-o", str(file)]
            with_snapshot = _gap(target, lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT))
            took = time.perf_counter() - began
            target.kill()
        told = subprocess.run(
            [sys.executable, "-c", ANALYSE, str(file)], check=True, capture_output=True, text=True, cwd=ROOT
        )
        read, all_, memory, objects, path = json.loads(told.stdout)
        origin = _origin(file)
        pause = origin["pause"]
        print(
            f"| {objects:,} | {file.stat().st_size / 2**20:.1f} MiB | {with_snapshot * 1000:.0f} ms"
            f" (copying {pause * 1000:.1f} ms) | {idle * 1000:.0f} ms | {pause * 1000 / (objects / 1e6):.1f} ms"
            f" | {took:.1f} s | {origin['copied'] / 2**20:.0f} MiB of {origin['rss'] / 2**20:.0f} MiB"
            f" | {read:.1f} s | {all_:.1f} s: {''.join(path)} | {memory / 2**20:.0f} MiB |",
            flush=True,
        )


def _gap(target: Any, meanwhile: Any) -> float:
    """The longest time for which the process did not come to work."""
    target.stdin.write("begin\n")
    target.stdin.flush()
    meanwhile()
    target.stdin.write("tell\n")
    target.stdin.flush()
    return float(target.stdout.readline())


def _origin(file: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from leakhunt.heapfile.read import read_heap

    return asdict(read_heap(file).origin)


def _peer(name: str, work: str, millions: float) -> None:
    if importlib.util.find_spec(name) is None:
        print(f"| {name} is not installed | | | |", flush=True)
        return
    program = f"{IMPORTS[name]}\n" + HEAP.format(millions=millions) + PEER.format(work=work)
    try:
        told = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=1800, env=os.environ
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"| {name}: `{work}` | {millions:g} M | did not finish: {type(error).__name__} | |", flush=True)
        return
    seconds, memory = json.loads(told.stdout.splitlines()[-1])
    print(f"| {name}: `{work}` | {millions:g} M | {seconds:.1f} s | {memory / 2**20:.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
