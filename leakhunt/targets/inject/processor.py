"""What the stop window asks of a processor."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from leakhunt.targets.inject.memory import Memory

WAKE: Final = signal.SIGURG
"""By which a thread tells that it is done: ignored where no tracer takes it."""
_FAULTS: Final = (signal.SIGILL, signal.SIGTRAP, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS)
_LIBRARY_SIGNALS: Final = (32, 33)
"""The C library's own: a thread that changes its user id has to reach all others."""
BLOCKED: Final = 0xFFFFFFFFFFFFFFFF & ~sum(1 << (each - 1) for each in (*_FAULTS, WAKE, *_LIBRARY_SIGNALS))
"""Signals that are blocked while a thread runs what it is sent for, signal 1 in the lowest bit."""
NO_CHANGE: Final = 0x40
"""Flags of a signal stack that make no sense, so that `rt_sigreturn` leaves the thread's as it is."""


class Unsuitable(Exception):
    """A thread cannot be used just now; the text says why."""


@dataclass(frozen=True, slots=True)
class Detour:
    """A change of a thread that makes it run something and come back."""

    code: bytes
    """To be written to the address the detour was made for."""
    data_at: int
    data: bytes
    """Text, frame and saved state, below the thread's stack."""
    registers: bytes
    done_at: int
    """Where the thread stands when it has told that it is done."""
    cancel_at: int = 0
    """Of a queued text: where `Processor.cancel` has to be written for it to be given back unrun."""


@dataclass(frozen=True, slots=True)
class Extended:
    """The floating point and vector registers of a thread."""

    kind: int
    """Which set of registers, as the kernel numbers them."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Errand:
    """What a thread is sent for."""

    text: bytes
    code_at: int
    """Room for `Processor.code_size` bytes of code."""
    api: tuple[int, int, int, int]
    """Addresses of PyGILState_Ensure, PyRun_SimpleString, PyGILState_Release and Py_AddPendingCall."""


class Registers(Protocol):
    """The general registers of a stopped thread."""

    @property
    def raw(self) -> bytes:
        """As the kernel gives them."""

    @property
    def instruction(self) -> int:
        """Address of the next instruction."""

    @property
    def stack(self) -> int:
        """Address of the top of the stack."""

    @property
    def places(self) -> tuple[int, ...]:
        """Addresses of code that are held in registers: where the thread is, and where it returns to."""

    @property
    def syscall(self) -> int | None:
        """Number of the system call that the stop has interrupted; None outside of one."""

    @property
    def waits(self) -> bool:
        """Whether it waits for the world, holding no lock of the C library."""

    @property
    def unclear(self) -> bool:
        """Whether the kernel has yet to show how the wait goes on; it does when the thread is stopped again."""

    @property
    def result(self) -> int:
        """After a detour that queues: 0 when queued, -1 when the queue was full, else a system error, negative."""

    @property
    def queued_at(self) -> int:
        """Where the text lies that is queued then."""

    def interrupted(self) -> bytes | None:
        """As if the system call had been interrupted by a signal; None where there is none to interrupt."""

    def run_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have the thread take the GIL, run the text and let go of the GIL."""

    def queue_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have the thread ask the interpreter to run the text in the main thread, as soon as that runs Python.

        The text is kept in memory of its own, which what runs it gives back; the code has to stay until then.
        """


@dataclass(frozen=True, slots=True)
class Processor:
    """One kind of processor."""

    waits: frozenset[int]
    """Numbers of system calls that wait for the world. The C library holds none of its own locks there."""
    restart: int
    """restart_syscall: a wait that was interrupted before; which one it is can no longer be seen."""
    futex: int
    """The system call that waits for a lock."""
    cancel: bytes
    """What calls a queued text off: whoever runs the code while it is written sees the old or the new."""
    code_size: int
    """Bytes of code at most."""
    starts: tuple[bytes, ...]
    """How our code begins."""
    registers: Callable[[bytes, Memory], Registers]
    """The general registers, as the kernel gives them, of a thread that runs in this memory."""
    extended: Callable[[Callable[[int], bytes]], Extended]
    """All other registers, of which the function reads a set. Raises Unsuitable, and OSError as the function does."""

    def is_ours(self, code: bytes) -> bool:
        """Whether code begins as ours does."""
        return code.startswith(self.starts)
