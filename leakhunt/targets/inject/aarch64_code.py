"""What a thread runs for us on aarch64, instruction by instruction.

Registers hold the addresses: x19 the text, x20 to x22 functions, x23 the frame by which it comes back.
"""

from __future__ import annotations

import struct
from typing import Final

from leakhunt.targets.inject.processor import WAKE

CALL: Final = 0xD4000001
"""svc #0: a system call."""
CODE_SIZE: Final = 288
"""Bytes of code at most."""


def words(*instructions: int) -> bytes:
    """Instructions as they lie in memory."""
    return struct.pack(f"<{len(instructions)}I", *instructions)


def move(register: int, value: int, parts: int) -> bytes:
    """Code that puts a value of so many times 16 bits into a register (movz, movk)."""
    return words(
        *(
            (0xF2800000 if part else 0xD2800000) | part << 21 | (value >> 16 * part & 0xFFFF) << 5 | register
            for part in range(parts)
        )
    )


BLOCK_SIGNALS: Final = words(CALL)
RUN: Final = words(
    0xD63F0280,  # blr x20: PyGILState_Ensure
    0x2A0003F8,  # mov w24, w0
    0xAA1303E0,  # mov x0, x19
    0xAA1F03E1,  # mov x1, xzr
    0xD63F02A0,  # blr x21: PyRun_SimpleString
    0x2A1803E0,  # mov w0, w24
    0xD63F02C0,  # blr x22: PyGILState_Release
)
TELL: Final = (
    move(8, 172, 1)
    + words(CALL, 0x2A0003F9)  # mov w25, w0: getpid()
    + move(8, 178, 1)
    + words(CALL, 0x2A0003E1, 0x2A1903E0)  # mov w1, w0: gettid(); mov w0, w25
    + move(2, WAKE, 1)
    + move(8, 131, 1)
    + words(CALL)  # tgkill
)
COME_BACK: Final = words(0x910002FF) + move(8, 139, 1) + words(CALL)  # mov sp, x23; rt_sigreturn
_NOTHING: Final = 0xD503201F
"""nop."""
_RUNNER_LANDING: Final = 0xD503245F
"""bti c: where a call through a register may lead, on processors that look."""
CANCEL: Final = words(0x14000007)
"""b over the call: a whole instruction that takes the place of a nop, so whoever runs it sees the one or the other."""
CANCEL_OFFSET: Final = 16


def queue(size: int) -> bytes:
    """Copy the text to memory of its own, and hand it to x20 (Py_AddPendingCall) with x21, what is to run it."""
    return (
        words(0xAA1F03E0)  # mov x0, xzr
        + move(1, size, 2)
        + move(2, 3, 1)  # readable and writable,
        + move(3, 0x22, 1)  # private and anonymous
        + words(0x92800004, 0xAA1F03E5)  # mov x4, #-1; mov x5, xzr
        + move(8, 222, 1)
        + words(CALL)  # mmap
        + words(
            0xAA0003F6,  # mov x22, x0
            0xB13FFC1F,  # cmn x0, #4095
            0x540001A2,  # b.hs to the end, if that failed
            0xAA0003F8,  # mov x24, x0
            0xAA1303E1,  # mov x1, x19
        )
        + move(2, size, 2)
        + words(
            0x38401423,  # ldrb w3, [x1], #1
            0x38001403,  # strb w3, [x0], #1
            0xF1000442,  # subs x2, x2, #1
            0x54FFFFA1,  # b.ne to the ldrb
            0xAA1503E0,  # mov x0, x21
            0xAA1803E1,  # mov x1, x24
            0xD63F0280,  # blr x20
            0x93407C16,  # sxtw x22, w0
        )
    )


def runner(run: int, size: int) -> bytes:
    """A function that runs a text, gives its memory back, and returns 0: the interpreter raises anything else."""
    return (
        words(
            _RUNNER_LANDING,
            0xA9BE7BFD,  # stp x29, x30, [sp, #-32]!
            0xF9000BF3,  # str x19, [sp, #16]
            0xAA0003F3,  # mov x19, x0
            _NOTHING,  # or CANCEL
            0xAA1F03E1,  # mov x1, xzr
        )
        + move(2, run, 4)
        + words(
            0xD63F0040,  # blr x2: PyRun_SimpleString
            0xAA1303E0,  # mov x0, x19
        )
        + move(1, size, 2)
        + move(8, 215, 1)
        + words(
            CALL,  # munmap
            0x52800000,  # mov w0, #0
            0xF9400BF3,  # ldr x19, [sp, #16]
            0xA8C27BFD,  # ldp x29, x30, [sp], #32
            0xD65F03C0,  # ret
        )
    )
