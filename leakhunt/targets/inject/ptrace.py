"""The system calls by which one process stops and changes a thread of another."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Final

CONT, DETACH, SEIZE, INTERRUPT, LISTEN = 7, 17, 0x4206, 0x4207, 0x4208
GETREGSET, SETREGSET = 0x4204, 0x4205
GETSIGMASK, SETSIGMASK = 0x420A, 0x420B
EVENT_STOP: Final = 128
GENERAL_REGISTERS: Final = 1
"""NT_PRSTATUS."""
_WALL: Final = 0x40000000
_LARGEST_REGISTERS: Final = 64 * 1024
_POLL: Final = 0.00005

_c = ctypes.CDLL(None, use_errno=True)
_c.ptrace.restype = ctypes.c_long
_c.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class _Area(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Gone(Exception):
    """The thread has ended."""


class Tracee:
    """One thread that is traced, from the moment that this is made until `detach`. Methods raise OSError."""

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self._request(SEIZE)

    def interrupt(self) -> None:
        """Have it stop soon."""
        self._request(INTERRUPT)

    def wait(self, limit: float) -> tuple[int, int] | None:
        """Signal and event of its next stop; None if it does not stop within `limit` seconds.

        Raises:
            Gone: it has ended.
        """
        deadline = time.monotonic() + limit
        while True:
            try:
                tid, status = os.waitpid(self.tid, os.WNOHANG | _WALL)
            except ChildProcessError:
                raise Gone from None
            if tid == self.tid:
                if not os.WIFSTOPPED(status):
                    raise Gone
                return os.WSTOPSIG(status), status >> 16
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL)

    def go_on(self, signal: int = 0) -> None:
        """Let it run, and have a signal delivered to it."""
        self._request(CONT, data=signal)

    def stay_stopped(self) -> None:
        """Leave it in the stop that all threads of its process are in (SIGSTOP)."""
        self._request(LISTEN)

    def detach(self, signal: int = 0) -> None:
        """Let it go. It has to be stopped."""
        self._request(DETACH, data=signal)

    def registers(self, kind: int = GENERAL_REGISTERS) -> bytes:
        """A set of registers, as long as the kernel has it."""
        buffer = ctypes.create_string_buffer(_LARGEST_REGISTERS)
        area = _Area(ctypes.addressof(buffer), len(buffer))
        self._request(GETREGSET, kind, ctypes.addressof(area))
        return buffer.raw[: area.length]

    def set_registers(self, data: bytes, kind: int = GENERAL_REGISTERS) -> None:
        """Write a set of registers back, all of it."""
        buffer = ctypes.create_string_buffer(data, len(data))
        area = _Area(ctypes.addressof(buffer), len(data))
        self._request(SETREGSET, kind, ctypes.addressof(area))

    def signal_mask(self) -> int:
        """The signals that it has blocked, signal 1 in the lowest bit."""
        mask = ctypes.c_uint64()
        self._request(GETSIGMASK, 8, ctypes.addressof(mask))
        return mask.value

    def set_signal_mask(self, mask: int) -> None:
        """Block these signals and no others."""
        value = ctypes.c_uint64(mask)
        self._request(SETSIGMASK, 8, ctypes.addressof(value))

    def _request(self, request: int, address: int = 0, data: int = 0) -> None:
        if _c.ptrace(request, self.tid, address, data) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
