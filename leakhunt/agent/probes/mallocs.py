"""Whose malloc serves this process, and how much of it is in use, as far as that one tells.

The name of a file says little: an extension may bring an allocator for its own use, and one may be linked into the
interpreter. What counts is which object the functions of malloc are found in, and which others stand in the same.
"""

from __future__ import annotations

import ctypes

from leakhunt.agent.probes.tcache import cached_bytes, find_caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
_PROOFS = (
    ("jemalloc", "mallctl"),
    ("mimalloc", "mi_malloc"),
    ("tcmalloc", "MallocExtension_GetNumericProperty"),
    ("glibc", "gnu_get_libc_version"),
)
"""Allocator, and a function that stands beside its malloc."""
_SERVES = "malloc_usable_size"
"""Comes with every malloc. `malloc` itself may seem to lie in a program that is linked to a fixed address: it has a
stand-in there for each function whose address it takes."""
_ALL_ARENAS = 4096
"""`MALLCTL_ARENAS_ALL` of jemalloc 5."""
_SIZE = ctypes.sizeof(ctypes.c_size_t)


class MallInfo2(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and later."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


class MallInfo(ctypes.Structure):
    """`struct mallinfo` before: its fields wrap around at 4 GiB."""

    _fields_ = [(name, ctypes.c_int) for name in _FIELDS]


class _Place(ctypes.Structure):
    """`Dl_info` of `dladdr`."""

    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


class Malloc:
    """An allocator that tells nothing of itself."""

    def __init__(self, name: str, library: Any) -> None:
        self.name = name
        """`glibc`, `musl`, `jemalloc`, `mimalloc`, `tcmalloc` or `unknown`."""
        self.library = library

    def in_use(self) -> int | None:
        """Bytes that callers hold, without what threads have freed and keep for later; None if it does not tell."""
        return None

    def resident(self) -> int | None:
        """Bytes that it has from the kernel, of which none are the program's own mappings; None if it does not tell."""
        return None

    def quick(self) -> tuple[int, int] | None:
        """For reading around every operation: bytes in use by this thread's account, and bytes from the kernel.

        What threads keep for later may count as in use. None if it does not tell.
        """
        return None

    def while_it_runs(self) -> int | None:
        """Bytes in use in a process whose other threads go on meanwhile, by the account of all of them.

        What threads keep for later may count as in use. None if it does not tell.
        """
        return self.in_use()

    def release(self) -> bool | None:
        """Have it give free memory back to the kernel; whether it did, None where that cannot be asked."""
        return None


class _Glibc(Malloc):
    def __init__(self, name: str, library: Any) -> None:
        super().__init__(name, library)
        wide = hasattr(library, "mallinfo2")
        self._mask = (1 << 64) - 1 if wide else 0xFFFFFFFF
        self._info = library.mallinfo2 if wide else library.mallinfo
        self._info.restype = MallInfo2 if wide else MallInfo

    def in_use(self) -> int:
        caches = find_caches()
        info = self._info()
        # Before anything else is allocated, so that both figures are of one moment.
        cached = cached_bytes(caches)
        return int(info.uordblks & self._mask) + int(info.hblkhd & self._mask) - cached

    def quick(self) -> tuple[int, int]:
        info = self._info()
        mapped = int(info.hblkhd & self._mask)
        return int(info.uordblks & self._mask) + mapped, int(info.arena & self._mask) + mapped

    def while_it_runs(self) -> int:
        return self.quick()[0]  # the caches of threads that run cannot be looked into

    def release(self) -> bool:
        return bool(_letting_go().malloc_trim(0))


class _Jemalloc(Malloc):
    def in_use(self) -> int | None:
        if self._read(b"epoch", advance=True) is None:
            return None
        allocated = self._read(b"stats.allocated")
        # Slabs count what a thread has freed and keeps as in use. Before jemalloc 5 nothing told how much that is.
        cached = self._read(f"stats.arenas.{_ALL_ARENAS}.tcache_bytes".encode()) or 0
        return None if allocated is None else allocated - cached

    def resident(self) -> int | None:
        return self._read(b"stats.resident")

    def quick(self) -> tuple[int, int] | None:
        # Its statistics are gathered from all arenas; what one thread has taken and given back it counts anyway.
        taken, given = self._read(b"thread.allocated"), self._read(b"thread.deallocated")
        return None if taken is None or given is None else (taken - given, 0)

    def release(self) -> bool:
        purge = f"arena.{_ALL_ARENAS}.purge".encode()
        return bool(_letting_go().mallctl(purge, None, None, None, ctypes.c_size_t(0)) == 0)

    def _read(self, name: bytes, *, advance: bool = False) -> int | None:
        value, size = ctypes.c_uint64(1), ctypes.c_size_t(_SIZE)
        new, length = (ctypes.byref(value), _SIZE) if advance else (None, 0)
        told = self.library.mallctl(name, ctypes.byref(value), ctypes.byref(size), new, ctypes.c_size_t(length))
        return int(value.value) if told == 0 else None


class _Tcmalloc(Malloc):
    def in_use(self) -> int | None:
        return self._read(b"generic.current_allocated_bytes")

    def resident(self) -> int | None:
        heap, unmapped = self._read(b"generic.heap_size"), self._read(b"tcmalloc.pageheap_unmapped_bytes")
        return None if heap is None or unmapped is None else heap - unmapped

    def quick(self) -> tuple[int, int] | None:
        used, heap = self.in_use(), self._read(b"generic.heap_size")
        return None if used is None or heap is None else (used, heap)

    def release(self) -> bool | None:
        function = getattr(_letting_go(), "MallocExtension_ReleaseFreeMemory", None)
        if function is None:
            return None
        function.restype = None
        function()
        return True

    def _read(self, name: bytes) -> int | None:
        value = ctypes.c_size_t(0)
        told = self.library.MallocExtension_GetNumericProperty(name, ctypes.byref(value))
        return int(value.value) if told else None


def _letting_go() -> Any:
    """The same functions, called without the GIL: what takes long must not hold the app up."""
    return ctypes.CDLL(None)


_KINDS: dict[str, Callable[[str, Any], Malloc]] = {"glibc": _Glibc, "jemalloc": _Jemalloc, "tcmalloc": _Tcmalloc}
_found: list[Malloc] = []


def find_malloc() -> Malloc:
    """That of this process; looked for once, since it cannot change."""
    if not _found:
        # The GIL is kept: the snapshot child must never let go of it for long, and the target's lock is none of ours.
        library = ctypes.PyDLL(None)
        name = _name(library)
        _found.append(_KINDS.get(name, Malloc)(name, library))
    return _found[0]


def _name(library: Any) -> str:
    serving = _place(library, _SERVES)
    if serving is None:
        return "unknown"
    for name, function in _PROOFS:
        beside = _place(library, function)
        if beside is not None and beside.base == serving.base:
            return name
    return "musl" if b"musl" in (serving.file or b"").rpartition(b"/")[2] else "unknown"


def _place(library: Any, name: str) -> _Place | None:
    """The object that this function is found in, if it is found."""
    function, place = getattr(library, name, None), _Place()
    if function is None or not library.dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(place)):
        return None
    return place
