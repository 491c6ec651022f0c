"""Programs about coming and going, beside other tools and in children."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import threading
import tracemalloc

from sampler_programs.readings import estimate_of, keep_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from leakhunt.agent import _sampler
else:
    import _sampler


class _Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]


def allocators() -> list[list[int]]:
    """The functions that Python allocates with now, domain by domain."""
    found = []
    for domain in range(3):
        allocator = _Allocator()
        ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(allocator))
        found.append([getattr(allocator, field[0]) or 0 for field in allocator._fields_])
    return found


def comes_and_goes() -> dict[str, Any]:
    """The allocators before, during and after; what is said about it."""
    before = allocators()
    found: dict[str, Any] = {}
    _sampler.start(1000)
    during = allocators()
    found["changed"] = [domain for domain in range(3) if before[domain] != during[domain]]
    kept = keep_bytes(1000, 1000)
    found["live"] = estimate_of(keep_bytes).samples
    _sampler.reset()
    found["reset"] = estimate_of(keep_bytes).samples
    kept += keep_bytes(1000, 1000)
    found["again"] = estimate_of(keep_bytes).samples
    del kept
    found["stop"] = _sampler.stop()
    found["restored"] = allocators() == before
    for _ in range(100):  # the hook's place is used again: it never runs out
        _sampler.start(1000)
        _sampler.stop()
    found["still restored"] = allocators() == before
    return found


def refusals() -> list[str]:
    """What is said to those who ask for what cannot be."""
    said = []

    def ask(question: Callable[..., object], *arguments: object, **keywords: object) -> None:
        try:
            question(*arguments, **keywords)
        except (RuntimeError, ValueError) as error:
            said.append(f"{type(error).__name__}: {error}")

    ask(_sampler.stop)
    ask(_sampler.read)
    ask(_sampler.reset)
    ask(_sampler.stats)
    ask(_sampler.start, 0)
    ask(_sampler.start, 2**41)
    ask(_sampler.start, 1000, samples=0)
    ask(_sampler.start, 1000, calls=2**25)
    ask(_sampler.set_round, -1)
    _sampler.start()
    ask(_sampler.start)
    _sampler.stop()
    return said


class Last:
    """Allocates when it goes, which may be when next to nothing of the interpreter is left."""

    def __del__(self) -> None:
        self.kept = keep_bytes(100, 1000)


def ends() -> bool:
    """The process ends while it samples, with a thread that allocates all the while."""

    def churn() -> None:
        while True:
            keep_bytes(10, 1000)

    _sampler.start(100)
    threading.Thread(target=churn, daemon=True).start()
    sys.modules["kept to the end"] = Last()  # type: ignore[assignment]
    return True


def covered() -> dict[str, Any]:
    """Another tool hooks the allocators after the sampler and is there for longer."""
    before = allocators()
    _sampler.start(1000)
    tracemalloc.start()
    kept = keep_bytes(1000, 1000)
    found: dict[str, Any] = {"hooks": _sampler.stats()["hooks"], "live": estimate_of(keep_bytes).samples}
    found["stop"] = _sampler.stop()
    found["passes on"] = len(keep_bytes(1000, 1000))
    del kept
    _sampler.start(1000)  # where it was left, below the other
    found["again"] = _sampler.stats()["hooks"]
    kept = keep_bytes(1000, 1000)
    found["live again"] = estimate_of(keep_bytes).samples
    found["stop again"] = _sampler.stop()
    tracemalloc.stop()  # puts back what it found: our passage
    found["left"] = allocators() != before
    _sampler.start(1000)
    found["at last"] = _sampler.stop()
    found["restored"] = allocators() == before
    del kept
    return found


def displaced() -> dict[str, Any]:
    """Another tool that was there before the sampler leaves, and takes the sampler's hooks with it."""
    tracemalloc.start()
    _sampler.start(1000)
    tracemalloc.stop()
    found: dict[str, Any] = {"hooks": _sampler.stats()["hooks"], "stop": _sampler.stop()}
    before = allocators()
    for _ in range(20):
        tracemalloc.start()
        _sampler.start(1000)
        tracemalloc.stop()
        _sampler.stop()
    _sampler.start(1000)
    kept = keep_bytes(1000, 1000)
    found["live"] = estimate_of(keep_bytes).samples
    del kept
    _sampler.stop()
    found["restored"] = allocators() == before
    return found


def in_child(fork: Callable[[], int], work: Callable[[], object]) -> Any:
    """What `work` returns in a child; it comes through a pipe."""
    reading, writing = os.pipe()
    pid = fork()
    if pid == 0:
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        told = file.read()
    os.waitpid(pid, 0x40000000)
    return json.loads(told or "null")


def _bare_clone() -> int:
    libc = ctypes.PyDLL(None)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall({"x86_64": 56, "aarch64": 220}[os.uname().machine], 0, 0, 0, 0, 0))


def forks(bare: bool, follow: bool) -> dict[str, Any]:
    """What a child finds, does and says, and its parent meanwhile, which allocates the same."""
    _sampler.start(1000, follow_forks=follow)
    kept = keep_bytes(1000, 1000)
    more: list[bytes] = []

    def fork() -> int:
        pid = _bare_clone() if bare else os.fork()
        more.extend(keep_bytes(1000, 1000))
        return pid

    def work() -> dict[str, Any]:
        told: dict[str, Any] = {"sampling": _sampler.stats()["sampling"], "live": estimate_of(keep_bytes).samples}
        told["which"] = which_of(more)
        kept.clear()
        more.clear()
        told["freed"] = estimate_of(keep_bytes).samples
        if not follow:
            _sampler.start(1000)
            more.extend(keep_bytes(1000, 1000))
            told["anew"] = estimate_of(keep_bytes).samples
        told["stop"] = _sampler.stop()
        return told

    found: dict[str, Any] = {"at fork": estimate_of(keep_bytes).samples, "child": in_child(fork, work)}
    found["parent"] = estimate_of(keep_bytes).samples
    found["which"] = which_of(more)
    found["stop"] = _sampler.stop()
    return found


def which_of(kept: list[bytes]) -> list[int]:
    """Which of these are sampled: blocks of objects that the collector does not know begin where the objects do."""
    addresses = {sample[0] for sample in _sampler.read()["samples"]}
    return [number for number, each in enumerate(kept) if id(each) in addresses]


def interpreters() -> dict[str, Any]:
    """What is said in and about sub-interpreters."""
    try:
        import _interpreters as module  # type: ignore[import-not-found]  # from Python 3.13 on
    except ImportError:
        import _xxsubinterpreters as module  # type: ignore[import-not-found]

    script = """
import sys
sys.path[:0] = %r
try:
    import _sampler
    said = "imported"
except ImportError as error:
    said = str(error)
with open(%r, "w") as file:
    file.write(said)
"""
    found: dict[str, Any] = {}
    with tempfile.NamedTemporaryFile("r") as file:
        other = module.create()
        module.run_string(other, script % (sys.path, file.name))
        found["inside"] = file.read()
    try:
        _sampler.start(1000)
    except RuntimeError as error:
        found["beside"] = str(error)
    module.destroy(other)
    _sampler.start(1000)
    other = module.create()
    module.run_string(other, "kept = [bytes(1000) for _ in range(10_000)]")
    skipped = _sampler.stats()["skipped"]
    kept = keep_bytes(1000, 1000)
    found["skipped"] = skipped
    found["live"] = estimate_of(keep_bytes).samples
    module.destroy(other)
    found["stop"] = _sampler.stop()
    del kept
    return found
