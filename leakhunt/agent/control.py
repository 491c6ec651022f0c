"""The agent of one process: a thread that serves the controller, and what starts, pauses and ends it."""

from __future__ import annotations

import os
import signal
import sys
import time

from leakhunt.agent import clone, commands, departure, forks, spawn, wire
from leakhunt.agent.arrival import forget
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.hooks import HOOKS, unhook
from leakhunt.agent.journal import clear, note
from leakhunt.agent.originals import allocate_lock, get_ident, get_native_id, original, sleep, start_new_thread
from leakhunt.agent.process import command_line, hello, is_uwsgi, resident, uwsgi_callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_TRIES = 5
RETRY = 0.2
"""Seconds between two tries to connect."""
PAUSE_LIMIT = 1.0
"""Seconds a fork of the target waits at most for our thread to be gone."""
REAP_INTERVAL = 20
"""Milliseconds between two looks after snapshot children."""


class Agent:
    """One per process. Its thread is not there while the target forks: Python warns about forking with threads."""

    def __init__(self, directory: str, address: str, bundle: Any, offers: Any = None) -> None:
        self.directory = directory
        self.address = address
        self.bundle = bundle
        self.attached = offers is not None
        """Whether it came into a process that ran already, and has to be gone without a trace when it leaves."""
        self.offers = offers or [("unix", address)]
        """Ways to the controller, for `arrival.meet`."""
        self.silence: float | None = None
        """Seconds without a word after which the controller is taken to be gone; None to wait for its end alone."""
        self.cpu = 0.0
        """Seconds of CPU that earlier threads of this process have used."""
        self.memory = 0
        """Bytes by which this process, or the one that it was forked from, grew when the agent came."""
        self.children: list[int] = []
        """Snapshot children that are not yet reaped."""
        self.detached = False
        self._new_process()

    def _new_process(self) -> None:
        self.pid = os.getpid()
        self._socket: Any = None
        self._unread = b""
        self._lock = allocate_lock()
        self._stopping = False
        self._running = False
        self._thread = 0
        self._wake: tuple[int, ...] = ()

    def start(self) -> bool:
        """Start the thread, if none is running; False if the process may have no further one."""
        with self._lock:
            self._stopping = False
            if not self._running and not self.detached:
                self._running = True
                self._wake = self._wake or os.pipe()
                # A signal that the app has blocked, to wait for it or to be left alone, must not find our thread.
                before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
                try:
                    start_new_thread(self._run, ())
                except RuntimeError:  # no further thread is allowed here
                    self._running = False
                    note("thread")
                    return False
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return True

    def adopt(self, connection: Any, before: int, silence: float) -> None:
        """Serve over this connection; the process had `before` bytes of memory when the agent came."""
        self._socket = connection
        self.silence = silence
        connection.settimeout(silence)  # for answers that nobody reads
        self.memory = resident() - before

    def serve(self) -> None:
        """Start the thread. Raises RuntimeError if the process may have no further one."""
        if not self.start():
            raise RuntimeError("no further thread is allowed here")

    def before_fork(self) -> None:
        """End the thread and wait until the kernel has let go of it."""
        if self._thread == get_native_id():
            return
        with self._lock:
            if not self._running:
                return
            self._stopping = True
            os.write(self._wake[1], b"!")
        for _ in range(int(PAUSE_LIMIT / 0.0002)):
            if not self._running and not os.path.exists(f"/proc/self/task/{self._thread}"):
                return
            sleep(0.0002)

    def after_fork_in_parent(self) -> None:
        """Go on with the same connection."""
        if self._socket is not None:
            self.start()

    def after_fork_in_child(self) -> None:
        """Begin anew: no count, no connection, no child is ours."""
        self._close()
        if spawn.is_preparing():
            return
        if self.attached:
            self._leave_child()
            return
        commands.stop_observing()
        COUNTERS.reset()
        clear()
        self.children = []
        self.cpu = 0.0
        self._new_process()
        self.start()

    def _leave_child(self) -> None:
        """Of an attached agent nothing stays in a child: whoever wants one in there attaches to it.

        Its hooks for `fork` stay in their lists and find nobody to tell: to search the heap for these lists takes too
        long here, and the child may be about to become another program.
        """
        self.children = []
        commands.stop_observing()
        self._undo(in_child=True)
        forget()

    def revive(self) -> None:
        """Start in a process that was forked behind Python's back."""
        if self.pid != os.getpid():
            self.after_fork_in_child()
        elif self._socket is None:
            self.start()

    def detach(self) -> list[str]:
        """Undo everything; the names of what could not be put back."""
        left = self._undo()
        return left + departure.clean_up(self.offers, self.bundle) if self.attached else left

    def _undo(self, *, in_child: bool = False) -> list[str]:
        self.detached = True
        COUNTERS.before_first = None
        forks.remove()
        lines = sys.modules.get("leakhunt.agent.lines")
        if lines is not None:
            lines.unwrap()
        left = unhook(in_child=in_child)
        if self.bundle in sys.meta_path:
            sys.meta_path.remove(self.bundle)
        return left

    def thread_cpu(self) -> float:
        """Seconds of CPU the agent has used; to be asked in its own thread."""
        return self.cpu + time.thread_time()

    def _run(self) -> None:
        self._thread = get_native_id()
        threads: set[int] = getattr(self.bundle, "threads", set())
        threads.add(get_ident())
        while True:
            ended = self._serve_quietly()
            with self._lock:
                if ended or self._stopping:
                    self.cpu += time.thread_time()
                    self._running = False
                    threads.discard(get_ident())
                    return

    def _serve_quietly(self) -> bool:
        try:
            ended = self._serve()
        except Exception:
            note("agent")
            ended = True
        if ended:
            try:
                self._end()
            except Exception:
                note("end")
        return ended

    def _serve(self) -> bool:
        """Serve until the controller leaves (True) or the target forks (False)."""
        if self._socket is None and not self._connect():
            return True
        poll = original("select", "poll")()
        poll.register(self._socket.fileno(), 1)
        poll.register(self._wake[0], 1)
        heard = time.monotonic()
        while not self._stopping:
            ready = poll.poll(self._patience(heard))
            for descriptor, _ in ready:
                if descriptor == self._wake[0]:
                    os.read(self._wake[0], 64)
                elif not self._take():
                    return True
                else:
                    heard = time.monotonic()
            if not ready and self.silence is not None and time.monotonic() - heard > self.silence:
                return True  # it hangs, or is stopped
            self._reap()
        return False

    def _patience(self, heard: float) -> float | None:
        """Milliseconds to wait for the controller, which was heard then."""
        if self.children:
            return REAP_INTERVAL
        return None if self.silence is None else max(0.0, heard + self.silence - time.monotonic()) * 1000 + 1

    def _connect(self) -> bool:
        if not os.path.exists(self.address):
            return False
        from _socket import AF_UNIX, SOCK_STREAM, socket

        for _ in range(CONNECT_TRIES):
            connection = socket(AF_UNIX, SOCK_STREAM)
            try:
                connection.connect(self.address)
                wire.send(connection, hello())
            except OSError:
                connection.close()
                sleep(RETRY)
            else:
                self._socket = connection
                return True
        return False

    def _take(self) -> bool:
        """Read what has come and answer each whole request; False at the end of the stream."""
        data = self._socket.recv(wire.CHUNK)
        if not data:
            return False
        self._unread += data
        while len(self._unread) >= wire.LENGTH.size:
            end = wire.LENGTH.size + wire.LENGTH.unpack_from(self._unread)[0]
            if len(self._unread) < end:
                break
            request = wire.decode(self._unread[wire.LENGTH.size : end])
            self._unread = self._unread[end:]
            if request.get("do") == wire.ALIVE:
                continue
            wire.send(self._socket, commands.answer(self, request))
            if self.detached:
                return False
        return True

    def _reap(self) -> None:
        self.children = [pid for pid in self.children if not clone.reaped(pid)]

    def _end(self) -> None:
        """The controller is gone: leave nothing behind."""
        commands.stop_observing()
        if not self.detached:
            self.detach()
        for pid in self.children:
            os.kill(pid, 9)
        while self.children:
            self._reap()
            sleep(0.005)
        forget()
        self._close()  # last: the controller takes it for the end

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.close_wake()

    def close_wake(self) -> None:
        """Let go of what wakes the thread; only when there is none."""
        for descriptor in self._wake:
            os.close(descriptor)
        self._wake = ()


def boot(directory: str, address: str, bundle: Any, functions: tuple[str, ...]) -> Agent:
    """Start the agent of this process; it measures `functions` line by line."""
    agent = Agent(directory, address, bundle)
    spawn.install(directory, command_line())
    if functions:
        from leakhunt.agent import lines

        lines.watch(functions, HOOKS)
    HOOKS.install()
    forks.install(agent)
    if is_uwsgi():
        COUNTERS.before_first = agent.revive
        known = uwsgi_callable(command_line())
        if known is not None:
            HOOKS.add(known[0], "servers", "uwsgi")
    else:
        agent.start()
    return agent


def attach(connection: Any, offers: Any, token: str, luggage: Any, before: int, silence: float) -> Agent:
    """Start the agent of a process that runs already, over a connection that is there.

    `before` is how much memory it had when the agent came, and `silence` how many seconds the controller may say
    nothing. Programs that the app starts get no agent, and requests are counted once the controller asks for it.
    """
    agent = Agent("", "", luggage, offers)
    try:
        HOOKS.leave_out("spawn")
        COUNTERS.active = False  # until the controller asks for it
        forks.install(agent)
        agent.adopt(connection, before, silence)
        wire.send(connection, {**hello(), "token": token})
        agent.serve()
    except BaseException:
        agent.detach()
        agent.close_wake()
        raise
    return agent
