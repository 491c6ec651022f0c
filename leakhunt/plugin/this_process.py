"""The process that runs the tests, read as `leakhunt profile` reads a worker: by copies of it."""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from leakhunt.agent import child, headroom
from leakhunt.agent.commands import clear_name_cache
from leakhunt.agent.probes.heap import malloc_in_use, pymalloc_in_use
from leakhunt.errors import TargetError
from leakhunt.model.measurement import HeapUsage, Sample
from leakhunt.model.run import Role, Worker
from leakhunt.plugin.look import Look
from leakhunt.samplers.activity import read_activity
from leakhunt.samplers.memory import read_memory
from leakhunt.units import Seconds

_HEAP_TIME: Final[Seconds] = 5.0
_LOOK_TIME: Final[Seconds] = 60.0
_TRIES: Final = 8
_UNKNOWN: Final = -1


class ThisProcess:
    """Readings of the process we are in. Has to be closed."""

    def __init__(self, *, ignore: frozenset[str] = frozenset(), collect: bool = True) -> None:
        self.key = f"{os.getpid()}@0"
        self._ignore = ignore
        self._collect = collect
        self._began = time.perf_counter()
        self._frozen = False

    def close(self) -> None:
        """Have the collector as it was."""
        self.thaw()

    def freeze(self) -> None:
        """Have the collector pass over what there is by now: each reading collects twice, and a test run is large.

        Unless the program has done so itself.
        """
        if self._collect and gc.get_freeze_count() == 0:
            gc.freeze()
            self._frozen = True

    def thaw(self) -> None:
        """Have it look at everything again."""
        if self._frozen:
            gc.unfreeze()
            self._frozen = False

    def clock(self) -> Seconds:
        """Since we began."""
        return time.perf_counter() - self._began

    def worker(self) -> Worker:
        """This process as the one that serves."""
        name = "this process"
        return Worker(self.key, os.getpid(), os.getppid(), Role.WORKER, name, 0.0, python=platform.python_version())

    def sample(self) -> Sample:
        """A reading, after garbage was collected."""
        self.settle()
        heap = self._heap()
        memory, activity = read_memory(os.getpid()), read_activity(os.getpid())
        return Sample(
            worker=self.key,
            time=self.clock(),
            memory=memory,
            heap=heap,
            cpu=activity.cpu,
            threads=None if "threads" in self._ignore else activity.threads,
            descriptors=None if "descriptors" in self._ignore else activity.descriptors,
        )

    def settle(self) -> None:
        """Collect garbage twice, as finalizers of the first pass make some for the second; drop the name cache."""
        clear_name_cache()
        if self._collect:
            gc.collect()
            gc.collect()

    def look(self, parts: Mapping[str, Any], file: Path, *, at_once: int = 1) -> Look:
        """Have a copy of this process write to `file` what the agent's probes see in it, while we go on.

        Not read back here: it would be taken for what the tests keep. `at_once` copies share the free memory.

        Raises:
            TargetError: there is no memory for a copy, or none of several got through.
        """
        blocks = sys.getallocatedblocks()
        memory, refusal = headroom.allowance(blocks, child.walks(dict(parts)), at_once)
        if refusal is not None:
            raise TargetError(f"The heap could not be looked at: {refusal}.")

        def write() -> None:
            file.write_text(json.dumps(child.look(dict(parts), blocks, memory)), encoding="utf-8")

        return Look(write, _LOOK_TIME, apart=True)

    def _heap(self) -> HeapUsage:
        blocks = sys.getallocatedblocks()
        told: tuple[int, int] | None = None
        for _ in range(_TRIES):
            with Look(_read_heap, _HEAP_TIME) as look:
                told = look.wait()
            if told is not None:
                break
        else:
            raise TargetError(f"{_TRIES} copies of this process were made to be read, and none of them was.")
        pymalloc, malloc = told
        return HeapUsage(
            blocks=blocks,
            pymalloc=None if pymalloc == _UNKNOWN else pymalloc,
            malloc=None if malloc == _UNKNOWN else malloc,
            objects=None,
            gc_enabled=gc.isenabled(),
        )


def _read_heap() -> tuple[int, int]:
    """In the copy: it takes standard error over."""
    child.stop_tracing()  # else the interpreter does not tell of pymalloc, and what is noted of each block counts, too
    malloc, pymalloc = malloc_in_use(), pymalloc_in_use()
    return _UNKNOWN if pymalloc is None else pymalloc, _UNKNOWN if malloc is None else malloc
