"""The run that a watch writes."""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Final

import click

from leakhunt import __version__
from leakhunt.errors import LeakhuntError, RunFileError
from leakhunt.hunt.watch_record import WatchRecorder, plan_of
from leakhunt.model.snapshot import Snapshot
from leakhunt.model.view import TreeView
from leakhunt.runfile import RUNS, RunWriter, run_directory
from leakhunt.units import Seconds

_COMPLETE: Final = "complete"
_INTERRUPTED: Final = "interrupted"


class Archive:
    """Every reading, if there is a `directory` for them; else nothing, until there is a snapshot to be kept.

    May be used from several threads.
    """

    def __init__(self, directory: Path | None, first: TreeView, interval: Seconds) -> None:
        self.keeps_readings = directory is not None
        self._directory = directory
        self._last = first
        self._interval = interval
        self._open = ExitStack()
        self._recorder: WatchRecorder | None = None
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Archive:
        if self.keeps_readings:
            self._open_run()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock, _named_record():
            self._closed = True
            try:
                if self._recorder is not None:
                    self._recorder.finish(_COMPLETE if error is None else _INTERRUPTED)
            finally:
                self._open.__exit__(kind, error, trace)
        if self._recorder is not None and self._directory is not None and self._directory.exists():
            click.echo(f"Recorded: {self._directory}", err=True)

    def add(self, view: TreeView) -> None:
        """Write a reading down, if readings are."""
        with self._lock:
            self._last = view
            if self._recorder is not None and self.keeps_readings:
                self._recorder.add(view)

    def keep(self, snapshot: Snapshot) -> str:
        """Write a snapshot down; where. Raises LeakhuntError if it cannot be written."""
        with self._lock:
            if self._closed:
                raise RunFileError("the watch is over")
            recorder = self._recorder or self._open_run()
            if not self.keeps_readings:
                recorder.add(self._last)  # whose it is
            recorder.add_snapshot(snapshot)
        return str(self._directory)

    def _open_run(self) -> WatchRecorder:
        first, now = self._last, datetime.now(timezone.utc)
        directory = self._directory or run_directory(RUNS, f"watch-{first.name}-{first.pid}", now)
        head = {"name": first.name, "started_at": now.isoformat(timespec="seconds"), "leakhunt": __version__}
        with _named_record():
            plan = plan_of(first.pid, first.name, self._interval)
            writer = self._open.enter_context(RunWriter(directory, plan=plan, **head))
            writer.conditions(_conditions(first, directory))
        self._directory, self._recorder = directory, WatchRecorder(writer)
        return self._recorder


@contextmanager
def _named_record() -> Iterator[None]:
    """The option that says where a run goes has another name here."""
    try:
        yield
    except LeakhuntError as error:
        error.hint = error.hint and error.hint.replace("--output", "--record")
        raise


def _conditions(first: TreeView, directory: Path) -> dict[str, str]:
    found = {
        "leakhunt": __version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "run directory": str(directory),
    }
    if first.limit is not None:
        found["memory limit"] = f"{first.limit.size} bytes ({first.limit.source})"
    return found
