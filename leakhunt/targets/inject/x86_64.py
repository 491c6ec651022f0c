"""What is particular to x86-64: registers, the code that a thread runs for us, and the frame by which it comes back.

The code ends in `rt_sigreturn` over a signal frame that holds everything the thread had before (Linux,
`arch/x86/kernel/signal_64.c` and `fpu/signal.c`), so the thread returns to its own work even if whoever stopped it is
gone. As long as the tracer is there it stops the thread just before, and restores it exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.targets.inject.memory import Memory
from leakhunt.targets.inject.processor import BLOCKED, NO_CHANGE, WAKE, Detour, Errand, Extended, Processor

EXTENDED_REGISTERS: Final = 0x202
"""NT_X86_XSTATE."""
WAITS: Final = frozenset({0, 7, 23, 270, 232, 281, 441, 43, 288, 45, 47, 299, 35, 230, 61, 247})
"""Numbers of system calls that wait for the world: read, poll, select, pselect6, epoll_wait, epoll_pwait, epoll_pwait2,
accept, accept4, recvfrom, recvmsg, recvmmsg, nanosleep, clock_nanosleep, wait4, waitid. The C library holds none of
its own locks there."""
RESTART: Final = 219
"""restart_syscall."""
FUTEX: Final = 202
_ORDER: Final = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "  # pushed by the kernel at its entry
    "rip cs eflags rsp ss fs_base gs_base ds es fs gs"
)
_NAMES: Final = tuple(_ORDER.split())
_LAYOUT: Final = struct.Struct("<27Q")
_RED_ZONE: Final = 128
_ERRORS: Final = frozenset({-4, -512, -513, -514, -516})
"""EINTR, ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: what a stop makes of a system call."""
_RESTART_BLOCK: Final = -516
_EINTR: Final = -4
_NO_SYSCALL: Final = 0xFFFFFFFFFFFFFFFF
_TIMED_LOCKS: Final = frozenset({6, 9, 11, 13})
"""Operations of futex that can be restarted."""

_DIRECTION_AND_TRAP: Final = 0x500
_LEGACY, _AVX, _AVX512 = 512, 832, 2688
"""Bytes of the floating point state up to and with these registers (Intel SDM, volume 1, chapter 13)."""
_EXTENDED: Final = ((_AVX512, 0xE7), (_AVX, 0x7))

# What the thread runs. Registers hold the addresses: rbx the text, r12 and up functions, rbp the frame.
_BLOCK_SIGNALS: Final = b"\x0f\x05"
_RUN: Final = (
    b"\x41\xff\xd4"  # call r12: PyGILState_Ensure
    b"\x41\x89\xc7"  # mov r15d, eax
    b"\x48\x89\xdf\x31\xf6"  # mov rdi, rbx; xor esi, esi
    b"\x41\xff\xd5"  # call r13: PyRun_SimpleString
    b"\x44\x89\xff"  # mov edi, r15d
    b"\x41\xff\xd6"  # call r14: PyGILState_Release
)
_QUEUE: Final = (
    b"\xb8\x09\x00\x00\x00\x31\xff\xbe%b"  # mmap(NULL, size,
    b"\xba\x03\x00\x00\x00\x41\xba\x22\x00\x00\x00"  # readable and writable, private and anonymous,
    b"\x49\xc7\xc0\xff\xff\xff\xff\x45\x31\xc9\x0f\x05"  # -1, 0)
    b"\x49\x89\xc6\x48\x3d\x01\xf0\xff\xff\x73\x1c"  # mov r14, rax; if that failed, skip the rest
    b"\x48\x89\xc7\x49\x89\xc7\x48\x89\xde\xb9%b\xf3\xa4"  # mov r15, rax; copy the text there from rbx
    b"\x4c\x89\xef\x4c\x89\xfe\x41\xff\xd4"  # r12(r13, r15): Py_AddPendingCall
    b"\x4c\x63\xf0"  # movsxd r14, eax
)
_RUNNER: Final = (
    b"\x53\x48\x89\xfb\x31\xf6"  # push rbx; mov rbx, rdi; xor esi, esi
    b"\x75\x0c"  # jnz over the call: never, unless it is made a jz, see CANCEL
    b"\x48\xb8%b\xff\xd0"  # call PyRun_SimpleString
    b"\x48\x89\xdf\xbe%b\xb8\x0b\x00\x00\x00\x0f\x05"  # munmap(rbx, size)
    b"\x31\xc0\x5b\xc3"  # return 0 whatever happened: the interpreter raises anything else in the app
)
_CANCEL_OFFSET: Final = 6
CANCEL: Final = b"\x74"
"""One byte, so whoever runs the code meanwhile sees the old one or the new one."""
_TELL: Final = (
    b"\xb8\x27\x00\x00\x00\x0f\x05\x89\xc7"  # mov edi, getpid()
    b"\xb8\xba\x00\x00\x00\x0f\x05\x89\xc6"  # mov esi, gettid()
    b"\xba" + struct.pack("<I", WAKE) + b"\xb8\xea\x00\x00\x00\x0f\x05"  # tgkill
)
_COME_BACK: Final = b"\x48\x89\xec\xb8\x0f\x00\x00\x00\x0f\x05"  # mov rsp, rbp; rt_sigreturn

FRAME_SIZE: Final = 8 * 1024
"""Bytes below the stack that a frame and what goes with it take at most, the text not counted."""
CODE_SIZE: Final = 192
"""Bytes of code at most."""


class Registers:
    """The general registers of a stopped thread."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._values: dict[str, int] = dict(zip(_NAMES, _LAYOUT.unpack(raw), strict=True))

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    @property
    def instruction(self) -> int:
        """Address of the next instruction."""
        return self["rip"]

    @property
    def stack(self) -> int:
        """Address of the top of the stack."""
        return self["rsp"]

    @property
    def places(self) -> tuple[int, ...]:
        """Where it is; where it returns to lies on the stack."""
        return (self["rip"],)

    @property
    def syscall(self) -> int | None:
        """Number of the system call that the stop has interrupted; None outside of one."""
        interrupted = _signed(self["rax"]) in _ERRORS
        return self["orig_rax"] if self["orig_rax"] != _NO_SYSCALL and interrupted else None

    @property
    def waits(self) -> bool:
        """Whether it waits for the world, holding no lock of the C library."""
        if self.syscall == RESTART:
            # poll, nanosleep, or a lock with a timeout: then the second argument is what futex was asked for.
            return not (self["rsi"] < 0x200 and self["rsi"] & 0x7F in _TIMED_LOCKS)
        return self.syscall in WAITS

    @property
    def unclear(self) -> bool:
        """Never: `rax` shows it."""
        return False

    @property
    def result(self) -> int:
        """Of queueing."""
        return _signed(self["r14"])

    @property
    def queued_at(self) -> int:
        """Where the text lies that is queued now."""
        return self["r15"]

    def items(self) -> Iterable[tuple[str, int]]:
        """Names and values."""
        return self._values.items()

    def with_(self, **changes: int) -> bytes:
        """The registers, some of them changed, as the kernel takes them."""
        values = {**self._values, **changes}
        return _LAYOUT.pack(*(values[name] & 0xFFFFFFFFFFFFFFFF for name in _NAMES))

    def interrupted(self) -> bytes | None:
        """As if the system call had been interrupted by a signal; None where there is none to interrupt."""
        if self.syscall is None:
            return None
        return self.with_(rax=_EINTR, orig_rax=_NO_SYSCALL)

    def run_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have it take the GIL, run the text and let go of the GIL."""
        ensure, run, release, _ = errand.api
        code = _BLOCK_SIGNALS + _RUN + _TELL
        state = _state(self, extended, mask, errand.text)
        return _detour(state, code, errand.code_at, {"r12": ensure, "r13": run, "r14": release})

    def queue_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have it ask the interpreter to run the text in the main thread."""
        _, run, _, add = errand.api
        size = struct.pack("<I", len(errand.text) + 1)
        code = _BLOCK_SIGNALS + _QUEUE % (size, size) + _TELL
        runner_at = len(code + _COME_BACK) + 15 & -16
        state = _state(self, extended, mask, errand.text)
        detour = _detour(state, code, errand.code_at, {"r12": add, "r13": errand.code_at + runner_at})
        runner = _RUNNER % (struct.pack("<Q", run), size)
        return replace(
            detour,
            cancel_at=errand.code_at + runner_at + _CANCEL_OFFSET,
            code=detour.code.ljust(runner_at, b"\x90") + runner,
        )


@dataclass(frozen=True, slots=True)
class _State:
    """What lies below the stack of the thread: text at the bottom, then the frame, then floating point registers."""

    data_at: int
    data: bytes
    context_at: int
    blocked_at: int
    registers: Registers


def _state(registers: Registers, extended: bytes, mask: int, text: bytes) -> _State:
    top = (registers.stack - _RED_ZONE) & -64
    floating = _floating_point(extended)
    floating_at = (top - len(floating)) & -64
    context = _context(registers, mask, floating_at, has_more=len(floating) > _LEGACY)
    context_at = (floating_at - len(context)) & -16
    blocked_at = context_at - 16
    text_at = (blocked_at - len(text) - 1) & -16
    data = bytearray(top - text_at)
    for address, part in (
        (text_at, text),
        (blocked_at, struct.pack("<Q", BLOCKED)),
        (context_at, context),
        (floating_at, floating),
    ):
        data[address - text_at : address - text_at + len(part)] = part
    return _State(text_at, bytes(data), context_at, blocked_at, registers)


def _detour(state: _State, code: bytes, code_at: int, functions: Mapping[str, int]) -> Detour:
    changed = state.registers.with_(
        rip=code_at,
        rsp=(state.data_at - 256) & -16,
        eflags=state.registers["eflags"] & ~_DIRECTION_AND_TRAP,
        orig_rax=_NO_SYSCALL,
        rax=14,  # rt_sigprocmask, to set the blocked signals
        rdi=2,
        rsi=state.blocked_at,
        rdx=0,
        r10=8,
        rbx=state.data_at,
        rbp=state.context_at,
        **functions,
    )
    return Detour(code + _COME_BACK, state.data_at, state.data, changed, code_at + len(code))


def _context(registers: Registers, mask: int, floating_at: int, *, has_more: bool) -> bytes:
    """A `ucontext` from which `rt_sigreturn` makes the thread what it is now, with its call about to be made again."""
    back = dict(registers.items())
    error = _signed(back["rax"])
    if registers.syscall is not None and error == _RESTART_BLOCK:
        back["rax"] = _EINTR  # rt_sigreturn makes the kernel forget how to go on with this one
    elif registers.syscall is not None and error != _EINTR:
        back["rax"] = back["orig_rax"]
        back["rip"] -= 2
    names = "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags"
    return (
        struct.pack("<QQQiiQ", 7 if has_more else 6, 0, 0, NO_CHANGE, 0, 0)
        + struct.pack("<18Q", *(back[name] & _NO_SYSCALL for name in names.split()))
        + struct.pack("<4H4Q", back["cs"], 0, 0, back["ss"], 0, 0, 0, 0)
        + struct.pack("<Q64xQ", floating_at, mask)
    )


def _floating_point(extended: bytes) -> bytes:
    """The floating point part of a signal frame; without what needs a permission of its own (AMX)."""
    (features,) = struct.unpack_from("<Q", extended, 464)
    size = next((size for size, needed in _EXTENDED if features & needed == needed and len(extended) >= size), _LEGACY)
    data = bytearray(extended[:size])
    if size > _LEGACY:
        kept = features & (0xE7 if size > _AVX else 0x7)
        (present,) = struct.unpack_from("<Q", extended, _LEGACY)
        struct.pack_into("<IIQI28x", data, 464, 0x46505853, size + 4, kept, size)
        struct.pack_into("<QQ", data, _LEGACY, present & kept, 0)
        data += struct.pack("<I", 0x46505845)
    return bytes(data)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _read_registers(raw: bytes, _: Memory) -> Registers:
    return Registers(raw)


def _read_extended(read: Callable[[int], bytes]) -> Extended:
    return Extended(EXTENDED_REGISTERS, read(EXTENDED_REGISTERS))


PROCESSOR: Final = Processor(
    waits=WAITS,
    restart=RESTART,
    futex=FUTEX,
    cancel=CANCEL,
    code_size=CODE_SIZE,
    starts=tuple((_BLOCK_SIGNALS + each)[:8] for each in (_RUN, _QUEUE)),
    registers=_read_registers,
    extended=_read_extended,
)
