"""One agent that has connected, and what can be asked of it."""

from __future__ import annotations

import queue
import secrets
import select
import socket
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from leakhunt.agent import wire
from leakhunt.errors import AgentError
from leakhunt.model.calls import CallTable
from leakhunt.model.measurement import HeapUsage
from leakhunt.model.snapshot import Age, Container, PathNode, Snapshot
from leakhunt.model.split import Layout
from leakhunt.targets.answers import (
    AgentStats,
    Found,
    Hello,
    UnreadSnapshot,
    chains_of,
    read_ages,
    read_calls,
    read_container,
    read_found,
    read_heap,
    read_inventory,
    read_layout,
    read_paths,
    read_sites,
    read_stats,
    read_types,
    read_usage,
)
from leakhunt.targets.native import luggage
from leakhunt.targets.reach import CHILD_END, Reach, end_child
from leakhunt.targets.results import FAILED, PACKED, Sink
from leakhunt.targets.shipped import MODULES, source
from leakhunt.units import Bytes, Seconds

if TYPE_CHECKING:
    from leakhunt.targets.hub import AgentHub

ANSWER_TIMEOUT: Final[Seconds] = 30.0
CHILD_START: Final[Seconds] = 1.0
"""A child that has not said hello by then hangs: another thread was asking for the GIL, or was inside malloc."""
TRIES: Final = 8
_CHILDREN: Final = 64
LEAVING: Final[Seconds] = 10.0
"""How long an agent that was asked to leave may take to clean up."""


class AgentLink:
    """One live agent. Thread-safe; methods raise AgentError when the agent refuses, fails, is too slow or gone."""

    def __init__(self, hub: AgentHub, connection: socket.socket, hello: Hello, reach: Reach | None = None) -> None:
        self.hello = hello
        self.key = hello.key
        self.longest_pause: Seconds = 0.0
        """Longest time the app stood still for a snapshot so far."""
        self.child_memory: Bytes | None = None
        """Most memory that a snapshot child which walked the heap has copied and taken."""
        self.child_cpu: Seconds = 0.0
        """Processor time that the latest snapshot child took."""
        self.children: deque[int] = deque(maxlen=_CHILDREN)
        """Pids of the latest snapshot children; one that hangs from the start looks like any child of the app."""
        self._hub = hub
        self._connection = connection
        self._reach = reach
        self._lock = threading.Lock()
        self._number = 0
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether the agent's end of the connection is open."""
        if self._closed:
            return False
        # Whoever asks it something just now will find out. Without the lock their answer could be read between our
        # two looks, and the second would wait for the next one.
        if not self._lock.acquire(blocking=False):
            return True
        try:
            readable = select.select([self._connection], [], [], 0)[0]
            return not readable or self._connection.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False
        finally:
            self._lock.release()

    def beat(self) -> None:
        """Tell an agent that was brought into a process that we are still here; one that is asked something knows."""
        if self._reach is None or self._closed or not self._lock.acquire(blocking=False):
            return
        try:
            if select.select([], [self._connection], [], 0)[1]:
                wire.send(self._connection, {"do": wire.ALIVE})
        except (OSError, ValueError):
            return  # whoever asks it next will find out
        finally:
            self._lock.release()

    def stats(self) -> AgentStats:
        """What the agent has counted."""
        return read_stats(self._ask("stats"))

    def measure(self) -> tuple[AgentStats, HeapUsage]:
        """What it has counted, and what is in use at the same moment, as far as that is told without a copy.

        Bytes in use by pymalloc and the number of objects take a snapshot child: they are None.
        """
        reply = self._ask("measure")
        return read_stats(reply), read_usage(reply)

    def find(self) -> Found:
        """Which applications its process serves, and by which servers."""
        return read_found(self._ask("find"))

    def hook(self, app: str | None = None) -> Found:
        """Have requests counted from now on, in a process that was attached to; `app` names it as `MODULE:CALLABLE`.

        Refused (AgentError) if no application is found, or not the one named.
        """
        return read_found(self._ask("hook", app=app))

    def unhook(self) -> tuple[str, ...]:
        """Have them counted no more; the names of what had to stay because others wrapped it since."""
        return tuple(str(name) for name in self._ask("unhook")["left"])

    def collect(self, *, forced: bool = False) -> Seconds:
        """Collect garbage twice; how long the app stood still for it.

        Where the app has the collector off it does without, and so do we unless it is `forced`.
        """
        return float(self._ask("collect", forced=forced)["pause"])

    def trim(self) -> None:
        """Have malloc give its free memory back to the kernel."""
        self._ask("trim")

    def heap(self, timeout: Seconds = 20.0) -> tuple[HeapUsage, Seconds]:
        """Memory in use, read in a snapshot child, and how long the app stood still for it."""
        reply, message = self._observe({"heap": True}, timeout)
        result = self._part(message, "heap")
        return read_heap(result, gc_enabled=bool(reply["gc_enabled"])), float(reply["pause"])

    def layout(self, timeout: Seconds = 60.0) -> tuple[Layout, Seconds]:
        """What lies where in its memory, seen by a snapshot child, and how long the app stood still for it."""
        reply, message = self._observe({"layout": True}, timeout)
        return read_layout(self._part(message, "layout")), float(reply["pause"])

    def snapshot(
        self,
        round: int,  # noqa: A002  # as the noun calls it
        *,
        types: bool,
        sites: bool,
        paths: bool,
        sizes: bool = False,
        at_once: int = 1,
        timeout: Seconds = 60.0,
    ) -> Snapshot:
        """The heap after a round, seen by a snapshot child. What fails in the child is a problem of the snapshot.

        With `sizes` the types have theirs, and those that the collector does not know are among them.
        `at_once` is how many workers are asked at the same time, and have to share the memory that is free.
        """
        wanted: dict[str, object] = {}
        if types:
            wanted |= {"inventory": True} if sizes else {"types": {"objgraph": source("objgraph")}}
        if sites:
            wanted["sites"] = True
        if paths:
            wanted["paths"] = True
        reply, message = self._observe(wanted, timeout, at_once)
        result = message["result"]
        problem = [reply["problem"]] if reply["problem"] else []
        return Snapshot(
            worker=self.key,
            round=round,
            types=read_inventory(result["inventory"]) if "inventory" in result else read_types(result.get("types", ())),
            sites=read_sites(result["sites"]) if "sites" in result else (),
            paths=read_paths(result["paths"]) if "paths" in result else (),
            pause=float(reply["pause"]),
            problems=tuple(str(each) for each in [*problem, *message["problems"]]),
        )

    def unread_snapshot(self, round: int, timeout: Seconds = 60.0) -> UnreadSnapshot:  # noqa: A002  # as above
        """The paths of the heap after a round as the child has sent them, for whoever has no memory to spare by now."""
        reply, message = self._observe({"paths": True}, timeout, unread=True)
        problems = (str(reply["problem"]),) if reply["problem"] else ()
        return UnreadSnapshot(self.key, round, float(reply["pause"]), problems, message[PACKED])

    def graph(self, sink: Sink, *, keys: bool = False, timeout: Seconds = 600.0) -> tuple[Seconds, tuple[str, ...]]:
        """Have a snapshot child send the whole heap to `sink`; how long the app stood still, and problems.

        With `keys` short strings that are keys of dictionaries are told. Raises what the sink raises.
        """
        reply, message = self._observe({"graph": {"keys": keys}}, timeout, sink=sink)
        self._part(message, "graph")
        problem = [reply["problem"]] if reply["problem"] else []
        return float(reply["pause"]), tuple(str(each) for each in [*problem, *message["problems"]])

    def ages(self, paths: Sequence[tuple[str, Sequence[PathNode]]], *, at_once: int = 1) -> tuple[Age, ...]:
        """How old the entries of holders are, given as for `inspect`; empty where the collector's lists do not tell."""
        _, message = self._observe({"ages": chains_of(paths)}, 60.0, at_once)
        return read_ages(self._part(message, "ages"))

    def inspect(
        self,
        round: int,  # noqa: A002  # as the noun calls it
        paths: Sequence[tuple[str, Sequence[PathNode]]],
        *,
        values: bool = False,
        timeout: Seconds = 60.0,
    ) -> tuple[Container, ...]:
        """A closer look at holders, each given as its path and the nodes from below the root down to it.

        With `values` strings of the heap are shown, else their type and length.
        """
        wanted = {
            "paths": chains_of(paths),
            "sources": {name: source(name) for name in MODULES},
            "values": values,
            "budget": timeout / 6,
        }
        _, message = self._observe({"holders": wanted}, timeout)
        return tuple(read_container(row, self.key, round) for row in self._part(message, "holders"))

    def trace(self, frames: int | None) -> None:
        """Start tracemalloc with so many frames, or stop it."""
        self._ask("trace", frames=frames)

    def sample(self, interval: Bytes) -> None:
        """Start the native sampler, a block every so many bytes in the mean; AgentError where it cannot be."""
        self._ask("sample", interval=interval, **luggage(str(self._ask("fit")["suffix"])))

    def samples(self) -> Mapping[str, Any]:
        """What it has sampled that is alive, and its own figures: `leakhunt.agent._sampler`, `read` and `stats`."""
        return self._ask("samples")

    def stop_sampling(self) -> Mapping[str, str]:
        """Stop the native sampler; where its hooks were, by domain: `removed`, or why they could not be."""
        return dict(self._ask("sample", interval=None)["hooks"])

    def watch(self, round: int) -> CallTable:  # noqa: A002  # as the noun calls it
        """Look on at calls into extensions from now on; what was seen since this was last called."""
        return read_calls(self._ask("watch", on=True), self.key, round)

    def stop_watching(self) -> None:
        """Look on no longer."""
        self._ask("watch", on=False)

    def lines(self) -> tuple[Mapping[str, Any], ...]:
        """What the functions measured line by line have cost since the last call: `leakhunt.agent.lines.table`."""
        return tuple(self._ask("lines")["functions"])

    def detach(self) -> tuple[str, ...]:
        """Have the agent undo everything and end; the names of what it had to leave because others wrapped it since."""
        left = tuple(str(name) for name in self._ask("detach")["left"])
        if self._reach is not None:
            with self._lock, suppress(OSError):
                self._connection.settimeout(LEAVING)
                self._connection.recv(1)  # its end comes when the agent has cleaned up
        self.close()
        return left

    def close(self) -> None:
        """Leave; the agent then undoes everything by itself."""
        self._closed = True
        self._connection.close()
        if self._reach is not None:
            self._reach.leftovers.close()

    def _ask(self, command: str, **arguments: object) -> Mapping[str, Any]:
        with self._lock:
            if self._closed:
                raise AgentError(f"the agent in process {self.hello.pid} does not answer: it has left")
            self._number += 1
            request = {"id": self._number, "do": command, **arguments}
            try:
                self._connection.settimeout(ANSWER_TIMEOUT)
                wire.send(self._connection, request)
                reply = wire.receive(self._connection)
            except (OSError, wire.WireError) as error:
                # Closed meanwhile by whoever saw the process end?
                why = "it has left" if self._connection.fileno() < 0 else error
                self.close()
                raise AgentError(f"the agent in process {self.hello.pid} does not answer: {why}") from error
            except BaseException:
                self.close()  # interrupted: what is half read now would be taken for the next answer
                raise
            if reply is None or reply.get("id") != self._number:
                self.close()
                raise AgentError(f"process {self.hello.pid} has ended or its agent has left")
        if not reply.get("ok"):
            raise AgentError(f"the agent in process {self.hello.pid} refused {command}: {reply.get('error')}")
        return reply

    def _observe(
        self,
        parts: Mapping[str, object],
        timeout: Seconds,
        at_once: int = 1,
        *,
        unread: bool = False,
        sink: Sink | None = None,
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The agent's reply and the child's message; a child that hangs is killed; up to `TRIES` are made.

        One that has begun to send to a `sink` is the last: the walk, which came through, is nothing to hang in.
        On return the child is gone: what it shares with its parent is taken for shared as long as it lives.
        """
        reply: Mapping[str, Any] = {}
        for _ in range(TRIES):
            token = secrets.token_hex(16)
            results = self._hub.results.expect(token, unread=unread, sink=sink)
            child: int | None = None
            message, begun = None, False
            try:
                # An app that was attached to has users; one that was launched waits for us.
                in_use = self._reach is not None
                reply = self._ask(
                    "snapshot", parts=dict(parts), token=token, timeout=timeout, at_once=at_once, in_use=in_use
                )
                child = int(reply["pid"])
                if self._reach is not None:
                    child = self._reach.find(child, token, self._hub.welcome, CHILD_START)
                self.children.append(child)
                self.longest_pause = max(self.longest_pause, float(reply["pause"]))
                begun = results.get(timeout=CHILD_START) is not None
                message = results.get(timeout=timeout)
            except queue.Empty:
                pass  # it hangs
            finally:
                self._hub.results.forget(token)
                if child is not None:
                    end_child(child, patience=0.0 if message is None else CHILD_END)
            if message is not None:
                if FAILED in message:
                    raise message[FAILED]
                if message.get("memory") is not None:
                    self.child_memory = max(self.child_memory or 0, int(message["memory"]))
                if "cpu" in message:  # else nobody has read what it says
                    self.child_cpu = float(message["cpu"])
                return reply, message
            if sink is not None and begun:
                break
        raise AgentError(f"the snapshot child of process {self.hello.pid} did not finish within {timeout:.0f} s")

    def _part(self, message: Mapping[str, Any], name: str) -> Any:
        if name not in message["result"]:
            raise AgentError(f"process {self.hello.pid}: {'; '.join(map(str, message['problems']))}")
        return message["result"][name]
