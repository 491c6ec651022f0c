"""What the snapshot child does: run the probes, send what they saw, end."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time

from leakhunt.agent import wire
from leakhunt.agent.arrival import meet
from leakhunt.agent.headroom import UNLIMITED, mapped_bytes, private_bytes
from leakhunt.agent.journal import note, problems
from leakhunt.agent.probes.heap import malloc_in_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PROBES = (
    ("sites", "leakhunt.agent.probes.sites"),
    ("heap", "leakhunt.agent.probes.heap"),
    ("layout", "leakhunt.agent.probes.layout"),
    ("types", "leakhunt.agent.probes.census"),
    ("inventory", "leakhunt.agent.probes.inventory"),
    ("paths", "leakhunt.agent.probes.paths"),
    ("graph", "leakhunt.agent.probes.graph"),
    ("ages", "leakhunt.agent.probes.ages"),
    ("holders", "leakhunt.agent.probes.holders"),
)
"""(part of a snapshot, module whose function of that name observes it); in this order, in which tracing ends early"""


_NICENESS = 10
"""Of a child of an app in use: where both want the same core it gets a tenth of it. With 19 it would be one in seventy,
and the look into a busy app never end."""
_PERIOD = 0.5
"""Seconds between two looks at the memory of the child: each costs some milliseconds per GB."""


class TooLarge(Exception):
    """The child has used up the memory that it was given; the text says so."""


class Scene:
    """What was there before the first probe ran, and what the child may use."""

    def __init__(self, blocks: int, tracked: list[Any], memory: int = UNLIMITED) -> None:
        self.blocks = blocks
        """Allocated blocks, counted before the fork."""
        self.tracked = tracked
        """Everything the collector knows."""
        self.memory = memory
        """Bytes that this child may copy and take."""
        self.peak: int | None = None
        """As many as it was seen to have copied and taken."""
        self.send: Callable[..., None] = lambda *_: None
        """Sends bytes to the controller before the result comes."""
        self._looked = 0.0

    def check(self) -> None:
        """To be called often: raises TooLarge once the memory is used up."""
        if time.monotonic() - self._looked >= _PERIOD:
            self.look()
            self._looked = time.monotonic()
            if (self.peak or 0) > self.memory:
                raise TooLarge(f"the heap was too large to be looked at in {self.memory >> 20} MiB of memory")

    def look(self) -> None:
        """Note how much memory the child has copied and taken."""
        private = private_bytes()
        if private is not None:
            self.peak = max(private, self.peak or 0)


def walks(parts: dict[str, Any]) -> bool:
    """Whether these parts of a snapshot need a look at every object."""
    return set(parts) != {"heap"}


def observe(offers: Any, request: dict[str, Any], blocks: int, memory: int) -> None:
    """Run the probes that the request asks for and send the results to the controller, over a connection of our own."""
    # Takes the lock of every arena of malloc: one that another thread held when this child was made hangs it here,
    # before it has said hello, so that the controller soon makes another.
    malloc_in_use()
    connection = _connect(offers, request["token"])
    if request["in_use"]:
        _give_way()
    seen = look(request["parts"], blocks, memory, lambda *parts: wire.send_raw(connection, *parts))
    wire.send(connection, {**seen, "cpu": time.process_time()})
    connection.close()


def look(parts: dict[str, Any], blocks: int, memory: int, send: Callable[..., None] | None = None) -> dict[str, Any]:
    """What the probes see, each asked with its part of the request; in the child only, which it changes.

    `send` is for what a probe gives away before it has ended.
    """
    del problems[:]
    result: dict[str, Any] = {}
    looks = walks(parts)
    gc.unfreeze()  # what a server has frozen before it forked is a part of the heap
    scene = Scene(blocks, gc.get_objects() if looks else [], memory)
    if send is not None:
        scene.send = send
    if looks:
        _confine(memory)
    for name, module in PROBES:
        if name in parts:
            if name != "sites":
                stop_tracing()
            _probe(result, name, module, (parts[name], scene))
            if looks:
                scene.look()
    return {"result": result, "problems": problems, "memory": scene.peak}


def _give_way() -> None:
    """Let the app go first, and use another core than it where it was bound to some.

    Not before the controller knows of this child: it takes one that says nothing for one that hangs.
    """
    os.nice(_NICENESS)
    try:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    except OSError:  # not allowed here
        return


def _confine(memory: int) -> None:
    """Have allocations fail once this child has taken as much; what it copies by writing is looked at as it goes on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = mapped_bytes() + memory
    if memory < UNLIMITED and (soft == resource.RLIM_INFINITY or limit < soft):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def stop_tracing() -> None:
    """In the child only: the other probes would be slowed down by it, and their own memory be traced."""
    if "tracemalloc" in sys.modules:
        sys.modules["tracemalloc"].stop()


def _probe(result: dict[str, Any], name: str, module: str, arguments: tuple[Any, Scene]) -> None:
    try:
        __import__(module)
        result[name] = getattr(sys.modules[module], name)(*arguments)
    except TooLarge as error:
        problems.append(str(error))
    except Exception:
        note(name)


def _connect(offers: Any, token: str) -> Any:
    """Tell the controller at once that this child runs: it makes another if it hears nothing."""
    connection = meet(offers, token)
    wire.send(connection, {"hello": "child", "token": token})
    return connection
