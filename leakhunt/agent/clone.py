"""Makes the snapshot child, so that the app cannot notice: `clone` without an exit signal.

With exit signal 0 the kernel sends the parent no SIGCHLD and `waitpid(-1)` never returns the child; only a wait for
`__WALL` children reaps it. Python's own fork machinery is left out on purpose: the app's `register_at_fork` hooks
would run in both processes, every other thread's state would be freed in the child, its thread locals and their
finalizers with it, and Python 3.12 would warn about threads. What that machinery protects against is dealt with here:
see `snapshot_child`.

Nothing that the child runs may search the import path before the heap is read: the import system would note down the
names of all files in the app's directory, which looks like growth of an app that saves files there.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
import time

from leakhunt.agent import forks
from leakhunt.agent.originals import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

CLONE = {"x86_64": 56, "aarch64": 220}
CLOSE_RANGE = 436
WALL = 0x40000000
SET_PARENT_DEATH_SIGNAL = 1

_c = ctypes.PyDLL(None, use_errno=True)
_c.syscall.restype = ctypes.c_long


def snapshot_child(work: Callable[[], None], limit: float) -> tuple[int, float, str | None]:
    """Run `work` in a child with the heap as it is now; its pid, the pause in seconds, and a problem if there is one.

    `limit` is the CPU time and twice the life, in seconds, that the child may have. Raises OSError where there can be
    no child.

    The child is one thread that holds the GIL. Letting go of the GIL is safe for it unless another thread has just
    asked for it, which would wait for ever for an answer: so we give way once before, after which nobody asks for 5
    ms.
    """
    number = CLONE.get(os.uname().machine)
    parent = os.getpid()
    sleep(0)
    began = time.perf_counter()
    if number is None:
        pid, problem = (
            forks.unnoticed(os.fork),
            "the app could notice the snapshot child: this machine has no known clone call",
        )
    else:
        # PyDLL keeps the GIL during the call, so no other thread of the app runs between the two returns.
        pid, problem = _c.syscall(number, 0, 0, 0, 0, 0), None
    if pid == 0:
        _in_child(work, parent, limit)
    pause = time.perf_counter() - began
    if pid < 0:
        raise OSError(ctypes.get_errno(), "the snapshot child could not be made")
    return pid, pause, problem


def reaped(pid: int) -> bool:
    """Whether this child is gone, reaping it if it has just ended."""
    try:
        return os.waitpid(pid, os.WNOHANG | WALL)[0] == pid
    except ChildProcessError:
        return True


def _in_child(work: Callable[[], None], parent: int, limit: float) -> None:
    try:
        _isolate(parent, limit)
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def _isolate(parent: int, limit: float) -> None:
    """Make this process harmless: it dies with its parent and in time, and has none of the app's files and sockets."""
    gc.disable()
    sys.setswitchinterval(1000)
    _c.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    for number in range(1, signal.NSIG):
        _c.signal(number, None)
    # The agent's thread takes no signals; of this process the alarm has to be able to end it.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _c.alarm(int(2 * limit) + 1)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _close_inherited()
    _volunteer()


def _volunteer() -> None:
    """Be the first to be killed where memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:  # a server that has changed its user may not touch its own files there (`PR_SET_DUMPABLE`)
        return


def _close_inherited() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    if _c.syscall(CLOSE_RANGE, 3, 0xFFFFFFFF, 0) != 0:
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                _close(int(name))


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the directory that was listed
        return
