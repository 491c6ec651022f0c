"""Takes the heap of a live process, or of each worker of a server, into a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.heapfile.write import HeapWriter
from leakhunt.model.heap import HeapOrigin
from leakhunt.samplers.memory import ProcessGone, read_rss
from leakhunt.targets.guests import open_hub
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.scope import Scope
from leakhunt.targets.tree import Process, command_line
from leakhunt.units import Bytes, Seconds

INTERVAL: Final[Bytes] = 64 << 10
"""Mean bytes from one sampled allocation to the next."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One heap that is in a file now."""

    path: Path
    origin: HeapOrigin
    objects: int
    references: int
    size: Bytes
    """Of the file."""
    stopped: Seconds
    """For how long a thread stood still to let the agent in."""
    left: tuple[str, ...]
    """What of the agent had to stay."""


def places(scope: Scope, path: Path) -> list[tuple[Process, Path]]:
    """A file for each worker: the one that is named, or with several one beside it for each PID.

    Raises UsageError where there is one already.
    """
    if len(scope.workers) == 1:
        found = [(scope.workers[0], path)]
    else:
        found = [(worker, path.with_name(f"{path.stem}.{worker.pid}{path.suffix}")) for worker in scope.workers]
    for _, each in found:
        if each.exists():
            raise UsageError(f"{each} exists already.", "Choose another file, or remove it.")
        if not each.parent.is_dir():
            raise UsageError(f"There is no directory {each.parent}.", "Make it first, or choose another place.")
    return found


def take_heap(
    process: Process,
    path: Path,
    *,
    keys: bool,
    timeout: Seconds,
    sample: Seconds | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Taken:
    """Attach to a process, have a copy of it tell the whole heap, and leave it as it was.

    With `sample` allocations are sampled for so long before. `told` is called with the number of objects that have come
    so far. Raises AttachError, AgentError or RunFileError.
    """
    with ExitStack() as stack:
        return _take(open_hub(stack), process, path, keys, timeout, sample, told)


def _take(
    hub: AgentHub,
    process: Process,
    path: Path,
    keys: bool,
    timeout: Seconds,
    sample: Seconds | None,
    told: Callable[[int], None],
) -> Taken:
    with _Telling(path, told) as writer:
        attached = attach(process.pid, hub)
        link = attached.link
        left: tuple[str, ...] = ()
        try:
            if sample is not None:
                link.sample(INTERVAL)
                time.sleep(sample)
            began = time.monotonic()
            pause, problems = link.graph(writer, keys=keys, timeout=timeout)
            origin = HeapOrigin(
                pid=process.pid,
                python=link.hello.python,
                command=" ".join(command_line(process.pid))[:200],
                at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                rss=_rss(process.pid),
                pause=pause,
                duration=time.monotonic() - began,
                copied=link.child_memory,
                keys=keys,
                problems=problems,
            )
        finally:
            if link.alive:
                left = link.detach()
        writer.finish(origin)
        return Taken(path, origin, writer.objects, writer.references, path.stat().st_size, attached.stopped, left)


class _Telling(HeapWriter):
    """Says how far it is."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(path)
        self._told = told

    def take(self, body: bytes) -> None:
        super().take(body)
        self._told(self.objects)


def _rss(pid: int) -> Bytes | None:
    try:
        return read_rss(pid)
    except ProcessGone:
        return None
