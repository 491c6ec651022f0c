"""What can be known without such a machine: the code is what it is meant to be, and the frame is what the kernel reads.

The structures are those of `arch/arm64/include/uapi/asm/{ptrace,sigcontext,ucontext}.h` and of `asm-generic/siginfo.h`.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping

import pytest
from capstone import CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, Cs

from leakhunt.targets.inject import aarch64, aarch64_code
from leakhunt.targets.inject.processor import BLOCKED, Errand, Unsuitable

CALL = 0xD4000001
TEXT = b"print('a text')"
CODE_AT = 0x5550_0000_0F40
API = (0x7FFF_0000_1111_0010, 0x7FFF_0000_2222_0020, 0x7FFF_0000_3333_0030, 0x7FFF_0000_4444_0040)
STACK = 0xFFFF_FFFF_E008
PC = 0xFFFF_1234_5678

U64 = ctypes.c_uint64


class SignalStack(ctypes.Structure):
    _fields_ = (("sp", U64), ("flags", ctypes.c_int), ("size", U64))


class Context(ctypes.Structure):
    _fields_ = (
        ("fault_address", U64),
        ("regs", U64 * 31),
        ("sp", U64),
        ("pc", U64),
        ("pstate", U64),
        ("padding", U64),  # the records are aligned to 16 bytes
        ("records", ctypes.c_uint8 * 4096),
    )


class UserContext(ctypes.Structure):
    _fields_ = (
        ("flags", U64),
        ("link", U64),
        ("stack", SignalStack),
        ("mask", U64),
        ("unused", ctypes.c_uint8 * 120),
        ("padding", U64),  # the registers are aligned to 16 bytes
        ("machine", Context),
    )


class SignalFrame(ctypes.Structure):
    _fields_ = (("info", ctypes.c_uint8 * 128), ("user", UserContext))


class FloatingState(ctypes.Structure):
    """`struct user_fpsimd_state`, as a tracer sees it."""

    _fields_ = (
        ("vectors", ctypes.c_uint8 * 512),
        ("fpsr", ctypes.c_uint32),
        ("fpcr", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 2),
    )


class FloatingRecord(ctypes.Structure):
    """`struct fpsimd_context`, as a signal frame has it."""

    _fields_ = (
        ("magic", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("fpsr", ctypes.c_uint32),
        ("fpcr", ctypes.c_uint32),
        ("vectors", ctypes.c_uint8 * 512),
    )


def registers(changes: Mapping[int, int] | None = None, *, before: int = 0, following: int = 0) -> aarch64.Registers:
    values = {**{number: 0x1000 + number for number in range(31)}, 31: STACK, 32: PC, 33: 0x6000_0C00}
    values.update(changes or {})
    return aarch64.Registers(struct.pack("<34Q", *(values[number] for number in range(34))), (before, following))


def waiting(number: int, *arguments: int) -> aarch64.Registers:
    """A thread that the kernel has wound back to the call it waits in."""
    return registers({**dict(enumerate(arguments)), 8: number}, following=CALL)


def floating() -> bytes:
    state = FloatingState((ctypes.c_uint8 * 512)(*(number % 256 for number in range(512))), 0x11, 0x22)
    return bytes(state)


def errand(size: int = len(TEXT)) -> Errand:
    return Errand(TEXT.ljust(size, b" "), CODE_AT, API)


def disassembled(code: bytes, at: int = CODE_AT) -> list[str]:
    found = Cs(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN).disasm(code, at)
    return [f"{each.mnemonic} {each.op_str}".strip() for each in found]


def frame_of(detour_data: bytes, data_at: int, frame_at: int) -> SignalFrame:
    return SignalFrame.from_buffer_copy(detour_data, frame_at - data_at)


def test_the_structures_are_as_large_as_the_kernels() -> None:
    assert ctypes.sizeof(Context) == 288 + 4096
    assert UserContext.machine.offset == 176
    assert ctypes.sizeof(FloatingState) == ctypes.sizeof(FloatingRecord) == 528
    assert ctypes.sizeof(SignalFrame) == aarch64._FRAME_SIZE


def test_the_code_that_runs_a_text_is_what_it_is_meant_to_be() -> None:
    detour = waiting(63).run_text(errand(), floating(), 0)
    assert disassembled(detour.code) == [
        "svc #0",
        "blr x20",
        "mov w24, w0",
        "mov x0, x19",
        "mov x1, xzr",
        "blr x21",
        "mov w0, w24",
        "blr x22",
        "mov x8, #0xac",  # getpid
        "svc #0",
        "mov w25, w0",
        "mov x8, #0xb2",  # gettid
        "svc #0",
        "mov w1, w0",
        "mov w0, w25",
        "mov x2, #0x17",
        "mov x8, #0x83",  # tgkill
        "svc #0",
        "mov sp, x23",
        "mov x8, #0x8b",  # rt_sigreturn
        "svc #0",
    ]
    assert disassembled(detour.code[: detour.done_at - CODE_AT])[-2:] == ["mov x8, #0x83", "svc #0"]


def test_the_code_that_queues_a_text_is_what_it_is_meant_to_be() -> None:
    size = 0x1_2345
    detour = waiting(63).queue_text(errand(size - 1), floating(), 0)
    lines = disassembled(detour.code)
    loop = f"#{CODE_AT + 4 * lines.index('ldrb w3, [x1], #1'):#x}"
    end = f"#{CODE_AT + 4 * (lines.index('sxtw x22, w0') + 1):#x}"
    assert lines[:26] == [
        "svc #0",
        "mov x0, xzr",
        "mov x1, #0x2345",
        "movk x1, #1, lsl #16",
        "mov x2, #3",
        "mov x3, #0x22",
        "mov x4, #-1",
        "mov x5, xzr",
        "mov x8, #0xde",  # mmap
        "svc #0",
        "mov x22, x0",
        "cmn x0, #0xfff",
        f"b.hs {end}",
        "mov x24, x0",
        "mov x1, x19",
        "mov x2, #0x2345",
        "movk x2, #1, lsl #16",
        "ldrb w3, [x1], #1",
        "strb w3, [x0], #1",
        "subs x2, x2, #1",
        f"b.ne {loop}",
        "mov x0, x21",
        "mov x1, x24",
        "blr x20",
        "sxtw x22, w0",
        "mov x8, #0xac",
    ]


def test_what_runs_a_queued_text_is_a_function_that_can_be_called_off() -> None:
    detour = waiting(63).queue_text(errand(), floating(), 0)
    runner_at = struct.unpack_from("<34Q", detour.registers)[21]
    runner = detour.code[runner_at - CODE_AT :]
    assert disassembled(runner, runner_at) == [
        "bti c",
        "stp x29, x30, [sp, #-0x20]!",
        "str x19, [sp, #0x10]",
        "mov x19, x0",
        "nop",
        "mov x1, xzr",
        "mov x2, #0x20",
        "movk x2, #0x2222, lsl #16",
        "movk x2, #0, lsl #32",
        "movk x2, #0x7fff, lsl #48",
        "blr x2",
        "mov x0, x19",
        f"mov x1, #{len(TEXT) + 1:#x}",
        "movk x1, #0, lsl #16",
        "mov x8, #0xd7",  # munmap
        "svc #0",
        "mov w0, #0",
        "ldr x19, [sp, #0x10]",
        "ldp x29, x30, [sp], #0x20",
        "ret",
    ]
    assert disassembled(detour.code[detour.cancel_at - CODE_AT :][:4]) == ["nop"]
    after_the_call = runner_at + 4 * disassembled(runner, runner_at).index("mov x0, x19")
    assert disassembled(aarch64_code.CANCEL, detour.cancel_at) == [f"b #{after_the_call:#x}"]


def test_there_is_room_for_the_code_and_it_is_known_again() -> None:
    longest = waiting(63).queue_text(errand(0x1_0000), floating(), 0)
    shortest = waiting(63).run_text(errand(), floating(), 0)
    assert max(len(longest.code), len(shortest.code)) <= aarch64_code.CODE_SIZE
    assert aarch64_code.CODE_SIZE % 16 == 0
    for detour in (longest, shortest):
        assert aarch64.PROCESSOR.is_ours(detour.code[:8])
    assert not aarch64.PROCESSOR.is_ours(bytes(8))


def test_a_thread_is_sent_off_with_its_signals_blocked_and_nothing_of_its_own_overwritten() -> None:
    detour = waiting(63).run_text(errand(), floating(), 0)
    at = struct.unpack("<34Q", detour.registers)
    assert at[32] == CODE_AT
    assert (at[8], at[0], at[2], at[3]) == (135, 2, 0, 8)  # rt_sigprocmask(SIG_SETMASK, blocked, NULL, 8)
    assert struct.unpack_from("<Q", detour.data, at[1] - detour.data_at) == (BLOCKED,)
    assert at[20:23] == (API[0], API[1], API[2])
    assert detour.data[at[19] - detour.data_at :].startswith(TEXT + b"\0")
    assert at[31] % 16 == at[23] % 16 == 0
    assert at[31] < detour.data_at
    assert STACK - 16 < detour.data_at + len(detour.data) <= STACK
    assert at[33] & 0xC00 == 0, "a branch that the thread was about to land from does not lead to our code"


@pytest.mark.parametrize(("number", "back_at", "answer"), [(63, PC, 0x77), (aarch64.RESTART, PC + 4, -4 % 2**64)])
def test_the_frame_leads_back_to_the_call(number: int, back_at: int, answer: int) -> None:
    stopped = waiting(number, 0x77)
    detour = stopped.run_text(errand(), floating(), 0x1234)
    frame = frame_of(detour.data, detour.data_at, struct.unpack("<34Q", detour.registers)[23])
    machine = frame.user.machine
    assert (machine.pc, machine.sp, machine.pstate) == (back_at, STACK, 0x6000_0C00)
    assert list(machine.regs) == [answer, *(stopped[number] for number in range(1, 31))]
    assert frame.user.mask == 0x1234
    assert frame.user.stack.flags == 0x40


def test_the_frame_holds_the_floating_point_registers() -> None:
    detour = waiting(63).run_text(errand(), floating(), 0)
    frame = frame_of(detour.data, detour.data_at, struct.unpack("<34Q", detour.registers)[23])
    record = FloatingRecord.from_buffer_copy(bytes(frame.user.machine.records))
    assert (record.magic, record.size, record.fpsr, record.fpcr) == (0x46508001, 528, 0x11, 0x22)
    assert bytes(record.vectors) == floating()[:512]
    assert bytes(frame.user.machine.records)[528:] == bytes(4096 - 528)


def scalable(vector: int) -> bytes:
    """`struct user_sve_header` with all registers of vectors so long, as a tracer sees them."""
    quads = vector // 16
    body = bytes(number * 7 % 256 for number in range(quads * (32 * 16 + 16 * 2 + 2)))
    padded = (struct.pack("<IIHHHH", 0, 0, vector, vector, 1, 0) + body).ljust((16 + len(body) + 15) & -16, b"\0")
    return padded + struct.pack("<II", 0x33, 0x44)


@pytest.mark.parametrize("vector", [16, 32, 64])
def test_the_frame_holds_scalable_vectors_as_well(vector: int) -> None:
    state = scalable(vector)
    detour = waiting(63).run_text(errand(), state, 0)
    frame = frame_of(detour.data, detour.data_at, struct.unpack("<34Q", detour.registers)[23])
    records = bytes(frame.user.machine.records)
    plain = FloatingRecord.from_buffer_copy(records)
    assert (plain.magic, plain.fpsr, plain.fpcr) == (0x46508001, 0x33, 0x44)
    assert bytes(plain.vectors[16:32]) == state[16 + vector : 16 + vector + 16], "the low part of the second vector"
    magic, size, length = struct.unpack_from("<IIH", records, 528)
    body = vector // 16 * (32 * 16 + 16 * 2 + 2)
    assert (magic, length) == (0x53564501, vector)
    assert size % 16 == 0
    assert size >= 16 + body
    assert records[528 + 16 :][:body] == state[16:][:body]
    assert records[528 + size :] == bytes(4096 - 528 - size)


def sets(**known: bytes) -> Callable[[int], bytes]:
    names = {0x002: "floating", 0x405: "scalable", 0x40B: "streaming", 0x40C: "matrix", 0x410: "guarded"}

    def read(kind: int) -> bytes:
        if names[kind] not in known:
            raise OSError(22, "Invalid argument")
        return known[names[kind]]

    return read


def test_other_registers_are_saved_with_their_vectors_where_there_are_any() -> None:
    plain = aarch64.PROCESSOR.extended(sets(floating=floating()))
    assert (plain.kind, plain.data) == (0x002, floating())
    long = aarch64.PROCESSOR.extended(sets(floating=floating(), scalable=scalable(32)))
    assert (long.kind, long.data) == (0x405, scalable(32))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"streaming": struct.pack("<IIHHHH", 16, 0, 32, 32, 1, 0)}, "SME"),
        ({"matrix": struct.pack("<IIHHHH", 16, 0, 32, 32, 0, 0) + bytes(1024)}, "SME"),
        ({"guarded": struct.pack("<QQQ", 1, 0, 0)}, "GCS"),
        ({"scalable": scalable(256)}, "too long"),
    ],
)
def test_a_thread_whose_state_does_not_fit_is_left_alone(state: Mapping[str, bytes], why: str) -> None:
    with pytest.raises(Unsuitable, match=why):
        aarch64.PROCESSOR.extended(sets(floating=floating(), **state))


def test_a_thread_waits_where_the_kernel_has_wound_it_back_to_the_call() -> None:
    assert waiting(202).syscall == 202
    assert waiting(202).waits
    assert not waiting(64).waits, "write"
    assert registers({8: 202}).syscall is None, "only the number is left over from an earlier call"
    ended = registers({0: -4 % 2**64, 8: 22}, before=CALL)
    assert ended.syscall == 22, "epoll_pwait has been cut short"
    assert ended.waits


def test_a_wait_for_a_lock_may_be_interrupted_but_nothing_that_wakes_others() -> None:
    assert waiting(aarch64.FUTEX, 0x5000, 0x80).syscall == aarch64.FUTEX
    assert waiting(aarch64.FUTEX, 0x5000, 0x189).interrupted() is not None
    assert waiting(aarch64.FUTEX, 0x5000, 0x81).interrupted() is None, "FUTEX_WAKE"
    assert not waiting(aarch64.FUTEX, 0x5000, 0x80).waits


def test_an_interrupted_call_has_failed_with_eintr() -> None:
    data = waiting(63, 5).interrupted()
    assert data is not None
    changed = struct.unpack("<34Q", data)
    assert (changed[0], changed[32]) == (-4 % 2**64, PC + 4)


@pytest.mark.parametrize(
    ("call", "unclear"),
    [
        ((101, 0x9000, 0), True),  # nanosleep
        ((115, 1, 0, 0x9000), True),  # clock_nanosleep for a time
        ((115, 1, 1, 0x9000), False),  # until a time
        ((98, 0x5000, 0x80, 1, 0x9000), True),  # FUTEX_WAIT for a time
        ((98, 0x5000, 0x80, 1, 0), False),  # for ever
        ((98, 0x5000, 0x189, 1, 0x9000), False),  # until a time
        ((aarch64.RESTART, 0x5000), False),
        ((63, 5), False),
    ],
)
def test_a_sleep_for_a_time_is_looked_at_again(call: tuple[int, ...], *, unclear: bool) -> None:
    number, *arguments = call
    assert waiting(number, *arguments).unclear is unclear


def test_a_restarted_lock_is_told_from_a_restarted_sleep() -> None:
    assert waiting(aarch64.RESTART, 0x9000, 0).waits
    assert not waiting(aarch64.RESTART, 0x5000, 0x89).waits
