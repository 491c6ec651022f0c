"""What the snapshot child does: run the probes, send what they saw, end."""

from __future__ import annotations

import gc
import sys

from leakhunt.agent import wire
from leakhunt.agent.journal import note, problems
from leakhunt.agent.probes.heap import malloc_in_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROBES = (
    ("sites", "leakhunt.agent.probes.sites"),
    ("heap", "leakhunt.agent.probes.heap"),
    ("types", "leakhunt.agent.probes.census"),
    ("paths", "leakhunt.agent.probes.paths"),
    ("holders", "leakhunt.agent.probes.holders"),
)
"""(part of a snapshot, module whose function of that name observes it); in this order, in which tracing ends early"""


class Scene:
    """What was there before the first probe ran."""

    def __init__(self, blocks: int, tracked: list[Any]) -> None:
        self.blocks = blocks
        """Allocated blocks, counted before the fork."""
        self.tracked = tracked
        """Everything the collector knows."""


def observe(address: str, request: dict[str, Any], blocks: int) -> None:
    """Run the probes that the request asks for and send the results to the controller, over a connection of our own."""
    # Takes the lock of every arena of malloc: one that another thread held when this child was made hangs it here,
    # before it has said hello, so that the controller soon makes another.
    malloc_in_use()
    connection = _connect(address, request["token"])
    del problems[:]
    result: dict[str, Any] = {}
    scene = Scene(blocks, [] if set(request["parts"]) == {"heap"} else gc.get_objects())
    for name, module in PROBES:
        if name in request["parts"]:
            if name != "sites":
                _stop_tracing()
            _probe(result, name, module, (request["parts"][name], scene))
    wire.send(connection, {"result": result, "problems": problems})
    connection.close()


def _stop_tracing() -> None:
    """In the child only: the other probes would be slowed down by it, and their own memory be traced."""
    if "tracemalloc" in sys.modules:
        sys.modules["tracemalloc"].stop()


def _probe(result: dict[str, Any], name: str, module: str, arguments: tuple[Any, Scene]) -> None:
    try:
        __import__(module)
        result[name] = getattr(sys.modules[module], name)(*arguments)
    except Exception:
        note(name)


def _connect(address: str, token: str) -> Any:
    """Tell the controller at once that this child runs: it makes another if it hears nothing."""
    from _socket import AF_UNIX, SOCK_STREAM, socket

    connection = socket(AF_UNIX, SOCK_STREAM)
    connection.connect(address)
    wire.send(connection, {"hello": "child", "token": token})
    return connection
