"""One sentence on what to change, fitting the cause and the kind of holder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_CAUSE: Final[Mapping[str, str]] = {
    "cycles": (
        "Leave the garbage collector on, or run gc.collect() between requests; better break the cycle (weakref), and "
        "drop objects whose finalizer revives them."
    ),
    "allocator-retention": (
        "Nothing is kept but by malloc: set MALLOC_ARENA_MAX=2 and MALLOC_TRIM_THRESHOLD_=131072, call malloc_trim "
        "after large requests, or preload jemalloc."
    ),
    "fragmentation": (
        "Free memory lies between blocks that stay: allocate what lives long before serving, use fewer threads or "
        "MALLOC_ARENA_MAX=2, try jemalloc, and recycle workers (max_requests) meanwhile."
    ),
    "interpreter-regression": (
        "Upgrade the interpreter: CPython 3.14.0 to 3.14.4 collect garbage too late; until then run gc.collect() "
        "between requests."
    ),
    "copy-on-write": "Call gc.freeze() in the master before it forks, and load what all workers need there.",
    "transient-peak": "Stream the upload or the response instead of holding all of it in memory.",
    "threads": "Join the threads or hand the work to a pool of fixed size (concurrent.futures.ThreadPoolExecutor).",
    "descriptors": "Close what the request opens, best with a `with` block, on the error paths too.",
    "temporary-files": "Delete temporary files when the request ends: `with tempfile.TemporaryFile()`.",
    "mapped-by-interpreter-or-extension": (
        "No allocator hands out this memory: look for an extension that maps memory, and try another release of it."
    ),
    "native": "Free the native object: close or release what the line creates, or stop holding its Python wrapper.",
}
_BY_HOLDER: Final[Mapping[str, str]] = {
    "dict": "Bound {holder}: make it an LRU of fixed size, or drop the entries when the request ends.",
    "OrderedDict": "Bound {holder}: drop the oldest entry (popitem(last=False)) once it is full.",
    "defaultdict": "Bound {holder}, and read it with .get(): every missing key that is looked up is stored.",
    "list": "Keep {holder} short: clear it when the work is done, or use collections.deque(maxlen=...).",
    "set": "Remove from {holder} what is finished, or hold it weakly (weakref.WeakSet).",
    "deque": "Give {holder} a maxlen.",
    "functools._lru_cache_wrapper": "Set a maxsize on the cache {holder}, or key it by less than the whole request.",
    "_lru_cache_wrapper": "Set a maxsize on the cache {holder}, or key it by less than the whole request.",
    "Queue": "Let the consumer drop what it has processed, and give {holder} a maxsize.",
}
_NATIVE: Final = "Bound {holder}, or close what it keeps: memory outside Python goes with the object that owns it."
_CAP: Final = "It stops at {cap} entries: check that all workers together can afford that, or lower the cap."
_DEFAULT: Final = "Drop the reference that {holder} keeps once the request is done."


def advice(cause: str, holder: str | None, holder_type: str | None, cap: int | None) -> str:
    """What to change about a suspect."""
    if cap is not None:
        return _CAP.format(cap=cap)
    if holder is not None and cause == "python-objects":
        name = holder_type or ""
        for known in (name, name.rsplit(".", 1)[-1]):
            if known in _BY_HOLDER:
                return _BY_HOLDER[known].format(holder=holder)
        return _DEFAULT.format(holder=holder)
    if holder is not None and cause == "native":
        return _NATIVE.format(holder=holder)
    return _BY_CAUSE.get(cause, "Look at what the line allocates and who keeps it after the request has ended.")
