"""What is particular to aarch64: registers, the code that a thread runs for us, and the frame by which it comes back.

As on x86-64 the code ends in `rt_sigreturn` over a signal frame that holds everything the thread had before (Linux,
`arch/arm64/kernel/signal.c`, `arch/arm64/include/uapi/asm/sigcontext.h` and `ptrace.h`).

Where a stop interrupts a system call, this kernel winds the thread back to the instruction that makes the call before a
tracer sees it (`do_signal`): a thread that waits looks like one that is just about to. What it does next is the same,
so it need not be told apart, except where the call is gone on with by another, `restart_syscall`. That one the kernel
only puts in place when the thread leaves the stop, see `Registers.unclear`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.targets.inject.aarch64_code import (
    BLOCK_SIGNALS,
    CALL,
    CANCEL,
    CANCEL_OFFSET,
    CODE_SIZE,
    COME_BACK,
    RUN,
    TELL,
    queue,
    runner,
)
from leakhunt.targets.inject.memory import Memory
from leakhunt.targets.inject.processor import (
    BLOCKED,
    NO_CHANGE,
    Detour,
    Errand,
    Extended,
    Processor,
    Unsuitable,
)

_PPOLL, _PSELECT, _EPOLL_PWAIT, _EPOLL_PWAIT2 = 73, 72, 22, 441
_NANOSLEEP, _CLOCK_NANOSLEEP = 101, 115
WAITS: Final = frozenset({63, _PPOLL, _PSELECT, _EPOLL_PWAIT, _EPOLL_PWAIT2, 202, 242, 207, 212, 243}) | {
    _NANOSLEEP,
    _CLOCK_NANOSLEEP,
    260,
    95,
}
"""Numbers of system calls that wait for the world: read, ppoll, pselect6, epoll_pwait, epoll_pwait2, accept, accept4,
recvfrom, recvmsg, recvmmsg, nanosleep, clock_nanosleep, wait4, waitid."""
RESTART: Final = 128
"""restart_syscall."""
FUTEX: Final = 98

_LAYOUT: Final = struct.Struct("<34Q")
"""`struct user_pt_regs`: x0 to x30, sp, pc, pstate."""
_SP, _PC, _PSTATE = 31, 32, 33
_EINTR: Final = -4
_WORD: Final = 0xFFFFFFFFFFFFFFFF
_ABSOLUTE: Final = 1
"""TIMER_ABSTIME."""
_LOCK_WAIT, _LOCK_WAIT_BITSET = 0, 9
"""Operations of futex that wait; all others that may be interrupted lock something."""
_TIMED_LOCKS: Final = frozenset({6, 9, 11, 13})
"""Operations of futex that can be restarted."""
_STEP_AND_LANDING: Final = 1 << 21 | 0xC00
"""Bits of pstate: a single step, and the kind of branch that has led here (BTYPE), for which ours has no landing."""

_FLOATING, _SVE, _STREAMING, _MATRIX, _GUARDED = 0x002, 0x405, 0x40B, 0x40C, 0x410
"""NT_PRFPREG, NT_ARM_SVE, NT_ARM_SSVE, NT_ARM_ZA, NT_ARM_GCS."""
_SVE_HEADER: Final = struct.Struct("<IIHHHH")
"""`struct user_sve_header`: size, max_size, vl, max_vl, flags, reserved."""
_FLOATING_SIZE: Final = 528
_FRAME_SIZE: Final = 128 + 176 + 288 + 4096
"""`struct rt_sigframe`: siginfo, ucontext up to its registers, these, and room for the others."""
_CONTEXT_AT: Final = 128 + 176
_RECORDS_AT: Final = _CONTEXT_AT + 288
_FLOATING_RECORD, _SVE_RECORD = 0x46508001, 0x53564501


class Registers:
    """The general registers of a stopped thread."""

    def __init__(self, raw: bytes, around: tuple[int, int]) -> None:
        """`around` are the instructions before the next one, and that one itself."""
        self.raw = raw
        self._values: tuple[int, ...] = _LAYOUT.unpack(raw)
        self._before, self._next = around

    def __getitem__(self, number: int) -> int:
        return self._values[number]

    @property
    def instruction(self) -> int:
        """Address of the next instruction."""
        return self[_PC]

    @property
    def stack(self) -> int:
        """Address of the top of the stack."""
        return self[_SP]

    @property
    def places(self) -> tuple[int, ...]:
        """Where it is, and where the function that it is in may return to."""
        return (self[_PC], self[30])

    @property
    def syscall(self) -> int | None:
        """Number of the system call that the stop has interrupted, or that comes next; None outside of one."""
        if not (self._calls or self._has_called):
            return None
        if self[8] == FUTEX and self[1] & 0x7F not in {_LOCK_WAIT, _LOCK_WAIT_BITSET}:
            return None  # it may be about to wake others, which must not get lost
        return self[8]

    @property
    def waits(self) -> bool:
        """Whether it waits for the world, holding no lock of the C library."""
        if self.syscall == RESTART:
            # nanosleep, or a lock with a timeout: then the second argument is what futex was asked for.
            return not (self[1] < 0x200 and self[1] & 0x7F in _TIMED_LOCKS)
        return self.syscall in WAITS

    @property
    def unclear(self) -> bool:
        """Whether it sleeps for a time that the kernel keeps."""
        if not self._calls:
            return False
        if self[8] == FUTEX:
            return self[1] & 0x7F == _LOCK_WAIT and self[3] != 0
        return self[8] == _NANOSLEEP or (self[8] == _CLOCK_NANOSLEEP and not self[1] & _ABSOLUTE)

    @property
    def result(self) -> int:
        """Of queueing."""
        return _signed(self[22])

    @property
    def queued_at(self) -> int:
        """Where the text lies that is queued now."""
        return self[24]

    def with_(self, changes: Mapping[int, int]) -> bytes:
        """The registers, some of them changed, as the kernel takes them."""
        values = [changes.get(number, value) & _WORD for number, value in enumerate(self._values)]
        return _LAYOUT.pack(*values)

    def interrupted(self) -> bytes | None:
        """As if the system call had been interrupted by a signal; None where there is none to interrupt."""
        if self.syscall is None:
            return None
        return self.with_({0: _EINTR, _PC: self[_PC] + (4 if self._calls else 0)})

    def run_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have it take the GIL, run the text and let go of the GIL."""
        ensure, run, release, _ = errand.api
        state = _state(self, extended, mask, errand.text)
        return _detour(state, BLOCK_SIGNALS + RUN + TELL, errand.code_at, {20: ensure, 21: run, 22: release})

    def queue_text(self, errand: Errand, extended: bytes, mask: int) -> Detour:
        """Have it ask the interpreter to run the text in the main thread."""
        _, run, _, add = errand.api
        size = len(errand.text) + 1
        code = BLOCK_SIGNALS + queue(size) + TELL
        runner_at = errand.code_at + len(code + COME_BACK)
        state = _state(self, extended, mask, errand.text)
        detour = _detour(state, code, errand.code_at, {20: add, 21: runner_at})
        return replace(detour, cancel_at=runner_at + CANCEL_OFFSET, code=detour.code + runner(run, size))

    def as_it_comes_back(self) -> Iterable[int]:
        """What `rt_sigreturn` is to make of them: the call is about to be made again."""
        if self._calls and self[8] == RESTART:
            # rt_sigreturn makes the kernel forget how to go on with this one.
            return _LAYOUT.unpack(self.with_({0: _EINTR, _PC: self[_PC] + 4}))
        return self._values

    @property
    def _calls(self) -> bool:
        return self._next == CALL

    @property
    def _has_called(self) -> bool:
        """Whether a call has just been cut short: `epoll_pwait` ends at every stop."""
        return self._before == CALL and _signed(self[0]) == _EINTR


@dataclass(frozen=True, slots=True)
class _State:
    """What lies below the stack of the thread: text at the bottom, then the frame."""

    data_at: int
    data: bytes
    frame_at: int
    blocked_at: int
    registers: Registers


def _state(registers: Registers, extended: bytes, mask: int, text: bytes) -> _State:
    top = registers.stack & -16
    frame_at = top - _FRAME_SIZE
    blocked_at = frame_at - 16
    text_at = (blocked_at - len(text) - 1) & -16
    data = bytearray(top - text_at)
    for address, part in (
        (text_at, text),
        (blocked_at, struct.pack("<Q", BLOCKED)),
        (frame_at, _frame(registers, extended, mask)),
    ):
        data[address - text_at : address - text_at + len(part)] = part
    return _State(text_at, bytes(data), frame_at, blocked_at, registers)


def _detour(state: _State, code: bytes, code_at: int, functions: Mapping[int, int]) -> Detour:
    changed = {
        0: 2,  # SIG_SETMASK
        1: state.blocked_at,
        2: 0,
        3: 8,
        8: 135,  # rt_sigprocmask, to set the blocked signals
        19: state.data_at,
        23: state.frame_at,
        29: 0,  # nobody has called this
        30: 0,
        _SP: (state.data_at - 256) & -16,
        _PC: code_at,
        _PSTATE: state.registers[_PSTATE] & ~_STEP_AND_LANDING,
        **functions,
    }
    return Detour(code + COME_BACK, state.data_at, state.data, state.registers.with_(changed), code_at + len(code))


def _frame(registers: Registers, extended: bytes, mask: int) -> bytes:
    """A `struct rt_sigframe` from which `rt_sigreturn` makes the thread what it is now."""
    data = bytearray(_FRAME_SIZE)
    struct.pack_into("<QQQi4xQQ", data, 128, 0, 0, 0, NO_CHANGE, 0, mask)
    struct.pack_into("<Q34Q", data, _CONTEXT_AT, 0, *registers.as_it_comes_back())
    at = _RECORDS_AT
    for record in _records(extended):
        data[at : at + len(record)] = record
        at += len(record)
    return bytes(data)


def _records(extended: bytes) -> Iterable[bytes]:
    """The other registers, as a signal frame has them; zeros after them tell that there are no more."""
    if len(extended) == _FLOATING_SIZE:
        yield _floating_record(extended)
        return
    _, _, vector, _, flags, _ = _SVE_HEADER.unpack_from(extended)
    if not flags & 1:
        yield _floating_record(extended[_SVE_HEADER.size :])
        return
    quads = vector // 16
    size = quads * (32 * 16 + 16 * 2 + 2)
    status = extended[_aligned(_SVE_HEADER.size + size) :][:8]
    low = b"".join(extended[_SVE_HEADER.size + vector * number :][:16] for number in range(32))
    yield _floating_record(low + status)
    record = struct.pack("<IIHHHH", _SVE_RECORD, _aligned(16 + size), vector, 0, 0, 0) + extended[16 : 16 + size]
    yield record.ljust(_aligned(16 + size), b"\0")


def _floating_record(state: bytes) -> bytes:
    """`struct fpsimd_context`, of a `struct user_fpsimd_state`."""
    return struct.pack("<II", _FLOATING_RECORD, _FLOATING_SIZE) + state[512:520] + state[:512]


def _read_registers(raw: bytes, memory: Memory) -> Registers:
    at: int = _LAYOUT.unpack(raw)[_PC]
    try:
        before, following = struct.unpack("<II", memory.read(at - 4, 8))
    except OSError:
        before = following = 0
    return Registers(raw, (before, following))


def _read_extended(read: Callable[[int], bytes]) -> Extended:
    """The floating point registers, with those of SVE where the processor has them."""
    _, _, _, _, streams, _ = _SVE_HEADER.unpack_from(_optional(read, _STREAMING).ljust(16, b"\0"))
    matrix = _optional(read, _MATRIX)
    if streams & 1 or len(matrix) > _SVE_HEADER.size:
        raise Unsuitable("a thread of it uses the matrix extension of the processor (SME)")
    if _optional(read, _GUARDED)[:1] not in {b"", b"\0"}:
        raise Unsuitable("a thread of it has a guarded stack of return addresses (GCS)")
    scalable = _optional(read, _SVE)
    if not scalable:
        return Extended(_FLOATING, read(_FLOATING))
    if sum(map(len, _records(scalable))) > 4096 - 16:
        raise Unsuitable("the vectors of this processor are too long for a signal frame")
    return Extended(_SVE, scalable)


def _optional(read: Callable[[int], bytes], kind: int) -> bytes:
    """A set of registers; empty where the processor or the kernel has none."""
    try:
        return read(kind)
    except OSError:
        return b""


def _aligned(size: int) -> int:
    return size + 15 & -16


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


PROCESSOR: Final = Processor(
    waits=WAITS,
    restart=RESTART,
    futex=FUTEX,
    cancel=CANCEL,
    code_size=CODE_SIZE,
    starts=tuple((BLOCK_SIGNALS + each)[:8] for each in (RUN, queue(1))),
    registers=_read_registers,
    extended=_read_extended,
)
