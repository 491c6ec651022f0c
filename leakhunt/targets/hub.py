"""Controller side of the agents: which have connected."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from leakhunt.agent import wire
from leakhunt.errors import AgentError
from leakhunt.targets.answers import (
    Hello,
    read_hello,
)
from leakhunt.targets.link import AgentLink
from leakhunt.targets.reach import Reach, peer
from leakhunt.targets.results import ChildResults
from leakhunt.units import Seconds

HELLO_TIMEOUT: Final[Seconds] = 5.0
BEAT: Final[Seconds] = 2.0
"""How often an agent that was brought into a process is told that we are still here."""
SILENCE: Final[Seconds] = 15.0
"""After how long without a word it takes us to be gone, and leaves: we may hang, or be stopped."""


class AgentHub:
    """Accepts agents and snapshot children on a Unix socket, from `__enter__` to `__exit__`.

    `silence` is how long it may say nothing to an agent that was brought into a process.
    """

    def __init__(self, socket_path: Path, *, silence: Seconds = SILENCE) -> None:
        self.silence = silence
        self._path = socket_path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._links: list[AgentLink] = []
        self.results = ChildResults()
        self._lock = threading.Lock()
        self._closed = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="leakhunt-hub", daemon=True)
        self._heart = threading.Thread(target=self._beat, name="leakhunt-heart", daemon=True)

    def __enter__(self) -> AgentHub:
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(128)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._ending.set()
        if self._heart.is_alive():
            self._heart.join()
        with self._lock:
            self._closed = True
            links, self._links = self._links, []
        for link in links:
            link.close()
        self._path.unlink(missing_ok=True)

    def links(self) -> tuple[AgentLink, ...]:
        """The agents whose processes are alive, in the order they connected."""
        with self._lock:
            alive = [link for link in self._links if link.alive]
            for link in self._links:
                if link not in alive:
                    link.close()
            self._links = alive
        return tuple(alive)

    def adopt(self, connection: socket.socket, hello: Hello, reach: Reach) -> AgentLink:
        """Take over an agent that was brought into a running process and has said hello."""
        if reach.listener is not None:
            threading.Thread(
                target=self._accept, args=(reach.listener,), name="leakhunt-hub-attached", daemon=True
            ).start()
        link = AgentLink(self, connection, hello, reach)
        with self._lock:
            self._links.append(link)
            if not self._heart.ident:
                self._heart.start()
        return link

    def _beat(self) -> None:
        while not self._ending.wait(BEAT):
            with self._lock:
                links = tuple(self._links)
            for link in links:
                link.beat()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # One thread each: a process that connects and says nothing must not keep the others waiting.
            threading.Thread(target=self.welcome, args=(connection,), name="leakhunt-hello", daemon=True).start()

    def welcome(self, connection: socket.socket) -> None:
        """Serve an agent or a snapshot child that has connected."""
        try:
            connection.settimeout(HELLO_TIMEOUT)
            message = wire.receive(connection) or {}
            if message.get("hello") == "child":
                self.results.take(connection, str(message.get("token")))
                return
            hello = read_hello(message)
            other = peer(connection)
        except (OSError, wire.WireError, AgentError):
            connection.close()
            return
        if other != hello.pid:
            connection.close()
            return
        link = AgentLink(self, connection, hello)
        with self._lock:
            late = self._closed
            if not late:
                self._links.append(link)
        if late:  # it said hello while the hub was closing
            link.close()
