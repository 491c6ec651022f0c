"""Stops one thread of the target, has it run or queue a text, and lets it go, in a process of its own (`stopper`).

That process may be killed. Then the thread comes back by itself, see `x86_64` and `aarch64`: whatever is written before
the registers are set lies where nothing looks, and once they are set the code leads back.

Exactly one thread is stopped. The others run on, so that one which holds the GIL can let go of it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.targets.inject.memory import Mapping, Memory, mapping_at, open_memory, read_mappings
from leakhunt.targets.inject.processor import WAKE, Detour, Errand, Extended, Registers, Unsuitable
from leakhunt.targets.inject.processors import here
from leakhunt.targets.inject.ptrace import EVENT_STOP, Gone, Tracee

STOP_LIMIT: Final = 2.0
"""Seconds within which a thread has to stop: one that does not is in the kernel and cannot be disturbed."""
PREPARE_LIMIT: Final = 0.05
"""Seconds for which a thread stands still at most before anything is called."""
RUN_LIMIT: Final = 15.0
"""Seconds to wait for the text to be run. After that the thread is let go, and comes back by itself when it is done."""
BETWEEN_TRIES: Final = 0.002
STACK_ROOM: Final = 96 * 1024
"""Bytes of stack that have to be free: a thread of musl has 128 KiB by default."""
STACK_WORDS: Final = 512
"""Words of the stack that are looked through for a call that must not be disturbed."""
CLEARING_TRIES: Final = 3
"""Stops after which the kernel shows how a wait goes on: at the second, or at the third if it had not begun yet."""
CODE_ADDRESS: Final = (1 << 48) - 1
"""Bits of an address of code. Others may hold a signature (aarch64, pointer authentication)."""
_FAULTS: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS})


@dataclass(frozen=True, slots=True)
class Job:
    """What to do to a process."""

    pid: int
    started: int
    """Clock ticks since boot: a pid may have been given to another process meanwhile."""
    steps: tuple[tuple[str, float], ...]
    """What to try, one after the other until one is done, and for how many seconds each: `run` a text in a thread that
    waits, `queue` it for the main thread, `nudge` the main thread, or see that it is not in the code (`look`)."""
    text: str = ""
    code_at: int = 0
    api: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Addresses of PyGILState_Ensure, PyRun_SimpleString, PyGILState_Release and Py_AddPendingCall."""
    avoid: tuple[tuple[int, int], ...] = ()
    """Address ranges of functions that hold a lock which queueing needs."""
    lock: int = -1
    """A descriptor that keeps other controllers out, as long as it is open."""


@dataclass(slots=True)
class Outcome:
    """What has come of it."""

    done: str | None = None
    """The step that was done."""
    problem: str | None = None
    """Why nothing was done, as a reader of the report may know it; the target is as it was."""
    stopped: float = 0.0
    """Seconds for which a thread did not do its own work; of all tries the longest."""
    tries: int = 0
    cancel_at: int = 0
    """Where a queued text is called off, by `Processor.cancel`."""
    text_at: int = 0
    """Where a queued text lies until it has been run."""
    previous: str = ""
    """Hexadecimal: the bytes that the code of a queued text has replaced."""


class Lost(Exception):
    """It makes no sense to go on; the text says why."""


class StopWindow:
    """One job."""

    def __init__(self, job: Job, memory: Memory, wanted: Callable[[], bool] = lambda: True) -> None:
        self._job = job
        self._memory = memory
        self._wanted = wanted
        self._mappings: tuple[Mapping, ...] = ()
        self._step = ""
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Try one step after the other until one is done."""
        why = "there was nothing to do"
        try:
            for step, patience in self._job.steps:
                self._step = step
                why = self._try_threads(time.monotonic() + patience)
                if self.outcome.done:
                    break
        except Lost as error:
            why = str(error)
        except (Gone, ProcessLookupError, FileNotFoundError):
            why = "it has ended"
        except OSError as error:
            why = f"the kernel refused: {error.strerror or error}"
        self.outcome.problem = None if self.outcome.done else why
        return self.outcome

    def _try_threads(self, deadline: float) -> str:
        """Try threads until one has done it; why the last one has not."""
        steps: dict[str, Callable[[Tracee, Registers], None]] = {
            "run": self._run_text,
            "queue": self._queue_text,
            "nudge": self._nudge,
            "look": self._look,
        }
        why = "no thread of it waits for input or output"
        while time.monotonic() < deadline:
            if not self._wanted():
                raise Lost("nobody waits for it any more")
            self._mappings = read_mappings(self._job.pid)
            for tid in self._candidates():
                try:
                    self._with_stopped(tid, steps[self._step])
                except Unsuitable as error:
                    why = str(error)
                if self.outcome.done:
                    return ""
            time.sleep(BETWEEN_TRIES)
        return why

    def _candidates(self) -> Iterator[int]:
        """Threads that look suitable, the main one first."""
        threads = (int(each.name) for each in Path(f"/proc/{self._job.pid}/task").iterdir())
        tids = sorted(threads, key=lambda tid: (tid != self._job.pid, tid))
        waiting = {tid: call for tid in tids if (call := _system_call(self._job.pid, tid)) is not None}
        if self._step == "run":
            for tid, (number, stack) in waiting.items():
                if (number in here.waits or number == here.restart) and self._has_room(stack):
                    yield tid
        elif self._step == "nudge":
            if self._job.pid in waiting:
                yield self._job.pid
        elif self._step == "look":
            yield self._job.pid
        else:
            # A thread in a system call is not inside the interpreter; one that computes may be anywhere.
            yield from (tid for tid, (number, stack) in waiting.items() if number >= 0 and self._has_room(stack))
            yield self._job.pid

    def _has_room(self, stack: int) -> bool:
        """Whether the stack pointer is in a stack, with room below: not in one that a library keeps in its heap."""
        mapping = mapping_at(self._mappings, stack)
        if mapping is None or "w" not in mapping.permissions:
            return False
        return mapping.path == "[stack]" or (mapping.path == "" and stack - mapping.start >= STACK_ROOM)

    def _with_stopped(self, tid: int, step: Callable[[Tracee, Registers], None]) -> None:
        """Stop the thread, do it, and let it go whatever happens."""
        self.outcome.tries += 1
        try:
            tracee = Tracee(tid)
        except ProcessLookupError:
            raise Unsuitable("a thread of it has just ended") from None
        stopped = False
        began = time.perf_counter()
        try:
            self._require_same_process()
            tracee.interrupt()
            began = time.perf_counter()
            stopped = _wait_for_stop(tracee)
            step(tracee, self._clear_registers(tracee))
        except (Gone, ProcessLookupError):
            if self.outcome.done or tid == self._job.pid:
                raise
            self._require_same_process()
            raise Unsuitable("a thread of it has just ended") from None
        finally:
            if stopped:
                with suppress(OSError):
                    tracee.detach()
                self.outcome.stopped = max(self.outcome.stopped, time.perf_counter() - began)

    def _registers(self, tracee: Tracee) -> Registers:
        return here.registers(tracee.registers(), self._memory)

    def _clear_registers(self, tracee: Tracee) -> Registers:
        """The registers of a stopped thread, once they show how its wait goes on."""
        for _ in range(CLEARING_TRIES):
            registers = self._registers(tracee)
            if not registers.unclear:
                return registers
            tracee.go_on()
            tracee.interrupt()
            _wait_for_stop(tracee)
        raise Unsuitable("a sleep of it could not be continued exactly")

    def _require_same_process(self) -> None:
        text = Path(f"/proc/{self._job.pid}/stat").read_text(errors="replace")
        if int(text.rpartition(")")[2].split()[19]) != self._job.started:
            raise Gone

    def _run_text(self, tracee: Tracee, registers: Registers) -> None:
        if not (registers.waits and self._has_room(registers.stack)):
            raise Unsuitable("no thread of it waits for input or output")
        began = time.perf_counter()
        saved = _Saved.of(tracee, registers)
        detour = registers.run_text(self._errand(), saved.extended.data, saved.mask)
        previous = self._write(detour, began)
        tracee.set_registers(detour.registers)
        self.outcome.done = self._step
        if self._let_run(tracee, detour.done_at):
            saved.restore(tracee)
            self._memory.write(self._job.code_at, previous)

    def _queue_text(self, tracee: Tracee, registers: Registers) -> None:
        if not self._has_room(registers.stack) or self._disturbs(registers):
            raise Unsuitable("its main thread is at a point where it must not be disturbed")
        began = time.perf_counter()
        saved = _Saved.of(tracee, registers)
        detour = registers.queue_text(self._errand(), saved.extended.data, saved.mask)
        previous = self._write(detour, began)
        tracee.set_registers(detour.registers)
        if not self._let_run(tracee, detour.done_at):
            self.outcome.done = self._step  # as far as we know; the code has to stay in any case
            return
        at_end = self._registers(tracee)
        saved.restore(tracee)
        result = at_end.result
        if result != 0:
            self._memory.write(self._job.code_at, previous)
            raise Unsuitable("its queue of pending calls is full" if result == -1 else os.strerror(-result))
        self.outcome.done = self._step
        self.outcome.previous = previous.hex()
        self.outcome.cancel_at = detour.cancel_at
        self.outcome.text_at = at_end.queued_at

    def _nudge(self, tracee: Tracee, registers: Registers) -> None:
        interrupted = registers.interrupted()
        if interrupted is None or registers.syscall not in here.waits | {here.futex, here.restart}:
            raise Unsuitable("its main thread does not wait")
        tracee.set_registers(interrupted)
        self.outcome.done = self._step

    def _look(self, _: Tracee, registers: Registers) -> None:
        if self._job.code_at <= registers.instruction < self._job.code_at + here.code_size:
            raise Unsuitable("its main thread runs our code")
        self.outcome.done = self._step

    def _errand(self) -> Errand:
        return Errand(self._job.text.encode(), self._job.code_at, self._job.api)

    def _write(self, detour: Detour, began: float) -> bytes:
        """Write what the detour needs; the bytes that its code has replaced."""
        self._memory.write(detour.data_at, detour.data)
        previous = self._memory.read(self._job.code_at, len(detour.code))
        self._memory.write(self._job.code_at, detour.code)
        if time.perf_counter() - began > PREPARE_LIMIT:
            self._memory.write(self._job.code_at, previous)
            raise Unsuitable("this machine is too busy to stop a thread only for a moment")
        return previous

    def _disturbs(self, registers: Registers) -> bool:
        """Whether the thread may be inside a function that holds the lock of the queue."""
        if registers.syscall is not None:
            return False
        words = memoryview(self._memory.read(registers.stack & -8, STACK_WORDS * 8)).cast("Q")
        places = tuple(place & CODE_ADDRESS for place in (*registers.places, *words))
        return any(start <= place < start + size for start, size in self._job.avoid for place in places)

    def _let_run(self, tracee: Tracee, done_at: int) -> bool:
        """Let the thread run until it tells that it is done; False if that takes too long. It is stopped anyway."""
        deadline = time.monotonic() + RUN_LIMIT
        tracee.go_on()
        interrupted = False
        while True:
            stop = tracee.wait(max(0.0, deadline - time.monotonic()))
            if stop is None:
                if interrupted:
                    raise Lost("it is in the kernel and cannot be interrupted")
                interrupted = True
                deadline = time.monotonic() + STOP_LIMIT
                tracee.interrupt()
                continue
            number, event = stop
            if event == EVENT_STOP:
                if interrupted:
                    return False
                (tracee.stay_stopped if number != signal.SIGTRAP else tracee.go_on)()
            elif number == WAKE and self._registers(tracee).instruction == done_at:
                return True
            elif number in _FAULTS:
                return True  # of our making; what was saved is put back instead of having the app die from it
            else:
                tracee.go_on(number)


@dataclass(frozen=True, slots=True)
class _Saved:
    """Everything of a thread that running something changes."""

    general: bytes
    extended: Extended
    mask: int

    @staticmethod
    def of(tracee: Tracee, registers: Registers) -> _Saved:
        return _Saved(registers.raw, here.extended(tracee.registers), tracee.signal_mask())

    def restore(self, tracee: Tracee) -> None:
        """Put it back, the general registers last: until then the thread would come back by itself."""
        tracee.set_registers(self.extended.data, self.extended.kind)
        tracee.set_signal_mask(self.mask)
        tracee.set_registers(self.general)
        if tracee.registers() != self.general:
            tracee.set_registers(self.general)


def _wait_for_stop(tracee: Tracee) -> bool:
    """Wait for the stop that was asked for; signals that come first are delivered."""
    deadline = time.monotonic() + STOP_LIMIT
    while (stop := tracee.wait(deadline - time.monotonic())) is not None:
        number, event = stop
        if event != EVENT_STOP:
            tracee.go_on(number if event == 0 else 0)
        elif number != signal.SIGTRAP:
            tracee.detach()
            raise Lost("it is stopped (SIGSTOP or job control)")
        else:
            return True
    raise Lost("it is in the kernel and cannot be interrupted")


def _system_call(pid: int, tid: int) -> tuple[int, int] | None:
    """Number of the system call that a thread waits in, -1 outside of one, and its stack; None while it runs."""
    try:
        fields = Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if len(fields) < 3:
        return None
    return int(fields[0]), int(fields[-2], 16)


def perform(job: Job, wanted: Callable[[], bool] = lambda: True) -> Outcome:
    """Do a job in this process, which should do nothing else: the threads of another are its children meanwhile."""
    try:
        with open_memory(job.pid) as memory:
            return StopWindow(job, memory, wanted).run()
    except OSError as error:
        return Outcome(problem=f"the kernel refused: {error.strerror}")
