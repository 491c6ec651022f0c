"""Threads that have used so much of their stacks, and then wait for ever."""

from __future__ import annotations

import ctypes
import threading

_libc = ctypes.CDLL(None)
_libc.pthread_self.restype = ctypes.c_ulong


def start(number: int, size: int) -> None:
    """Return once `number` threads have written to `size` bytes of their stacks."""
    ready = threading.Barrier(number + 1)
    for _ in range(number):
        threading.Thread(target=_work, args=(size, ready), daemon=True).start()
    ready.wait(20)


def _work(size: int, ready: threading.Barrier) -> None:
    attributes, address, length = ctypes.create_string_buffer(256), ctypes.c_void_p(), ctypes.c_size_t()
    _libc.pthread_getattr_np(ctypes.c_ulong(_libc.pthread_self()), attributes)
    _libc.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(length))
    # The lower end: what this thread needs itself stands at the upper one.
    assert address.value is not None
    ctypes.memset(address.value + 65536, 1, size)
    ready.wait(20)
    threading.Event().wait()
