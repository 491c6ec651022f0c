"""A site that keeps about two kilobytes per request, of the kind that `KEEP` says; for test_profile_allocators."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from typing import Any

VARIANT = os.environ.get("KEEP", "nothing")
KEPT: list[Any] = []
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.free.argtypes = [ctypes.c_void_p]
SIZE = 2000


def make_objects() -> list[tuple[str, float]]:
    return [(f"item {number}", number / 2) for number in range(16)]


def take_memory() -> int:
    address: int = LIBC.malloc(SIZE)
    ctypes.memset(address, 1, SIZE)
    return address


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    things, memory = make_objects(), take_memory()
    if VARIANT == "objects":
        KEPT.append(things)
    if VARIANT != "native":
        LIBC.free(memory)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
