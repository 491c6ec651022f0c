"""Programs about the stacks and marks of samples, and the code that is held for them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref

from sampler_programs.readings import keep_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from leakhunt.agent import _sampler
else:
    import _sampler


def deep(depth: int, kept: list[bytes]) -> None:
    if depth:
        deep(depth - 1, kept)
    else:
        kept.append(bytes(100_000))


def generated(kept: list[bytes]) -> Iterable[int]:
    kept.append(bytes(100_000))
    yield 1


def stacks() -> dict[str, Any]:
    """Lines and functions of a block of 100,000 bytes under few and under many frames, and in a generator."""
    found = {}
    kept: list[bytes] = []
    doings: dict[str, Callable[[], object]] = {
        "few": lambda: deep(3, kept),
        "many": lambda: deep(300, kept),
        "generator": lambda: list(generated(kept)),
    }
    for name, doing in doings.items():
        _sampler.start(100)
        doing()
        reading = _sampler.read()
        _sampler.stop()
        stack = next(sample[3] for sample in reading["samples"] if sample[1] > 100_000)
        frames, whole = reading["stacks"][stack]
        found[name] = [whole, [reading["frames"][each] for each in frames]]
    return found


def tags() -> dict[str, Any]:
    """How many samples have which tag: of tasks, threads and copied contexts."""
    sizes = {"plain": 3001, "task": 3003, "later": 3005, "thread": 3007, "copied": 3009, "other": 3011}
    header = sys.getsizeof(b"")
    kept: list[Any] = []

    def keep(name: str) -> None:
        kept.append(keep_bytes(200, sizes[name] - header))

    async def request(tag: int, name: str) -> None:
        _sampler.set_tag(tag)
        await asyncio.sleep(0)
        keep(name)
        await asyncio.gather(later(tag))

    async def later(_: int) -> None:
        await asyncio.sleep(0)
        keep("later")

    async def main() -> None:
        await asyncio.gather(request(5, "task"), request(6, "other"))

    def thread() -> None:
        _sampler.set_tag(7)
        keep("thread")
        context = contextvars.copy_context()
        _sampler.set_tag(8)
        context.run(keep, "copied")

    _sampler.start(1000)
    _sampler.set_round(3)
    asyncio.run(main())
    running = threading.Thread(target=thread)
    running.start()
    running.join()
    keep("plain")
    counts: dict[str, dict[str, int]] = {}
    threads = set()
    for _, size, _, _, tag, number, ident, _ in _sampler.read()["samples"]:
        for name, wanted in sizes.items():
            if size == wanted:
                counts.setdefault(name, {}).setdefault(str(tag), 0)
                counts[name][str(tag)] += 1
                threads.add((name, ident == threading.get_ident()))
                assert number == 3
    _sampler.stop()
    return {"counts": counts, "threads": sorted(threads)}


def greenlet_tags() -> dict[str, int]:
    """Samples of each tag, where greenlets take turns in one thread."""
    import gevent

    kept: list[Any] = []

    def request(tag: int, size: int) -> None:
        _sampler.set_tag(tag)
        for _ in range(10):
            kept.append(keep_bytes(20, size - sys.getsizeof(b"")))
            gevent.sleep(0)

    _sampler.start(1000)
    gevent.joinall([gevent.spawn(request, tag, 3000 + tag) for tag in (1, 3, 5)])
    found: dict[str, int] = {}
    for _, size, _, _, tag, *_ in _sampler.read()["samples"]:
        if 3000 < size < 3006:
            key = "right" if size == 3000 + tag else "wrong"
            found[key] = found.get(key, 0) + 1
    _sampler.stop()
    return found


def held_code() -> list[object]:
    """Whether a function's code lives: while it is sampled, after a reset, and what is said to be held."""
    namespace: dict[str, Any] = {}
    exec("def make(): return [bytes(5000) for _ in range(100)]", namespace)
    code = weakref.ref(namespace["make"].__code__)
    _sampler.start(1000)
    kept = namespace["make"]()
    codes = _sampler.stats()["codes"]
    namespace.clear()
    gc.collect()
    alive = code() is not None
    _sampler.reset()
    gc.collect()
    after = code() is not None
    _sampler.stop()
    del kept
    return [alive, after, codes]
