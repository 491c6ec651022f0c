"""One watch while it goes on: what is read, what agents add to it, and where it is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.cli.watch_archive import Archive
from leakhunt.hunt.insight import Insight
from leakhunt.hunt.watch import Watch
from leakhunt.model.view import TreeView
from leakhunt.units import Seconds, format_duration


@dataclass
class Session:
    """What is to be done with each reading, and for how long."""

    watch: Watch
    insight: Insight
    archive: Archive
    interval: Seconds
    until: Seconds | None
    clock: Callable[[], Seconds]
    last: TreeView

    def read(self) -> TreeView | None:
        """The next reading; None if there is nothing to read any more, or the time is over."""
        if self.until is not None and self.clock() >= self.until:
            return None
        view = self.watch.read()
        if view is not None:
            self.last = view = self.insight.see(view)
            self.archive.add(view)
        return view

    def patience(self, due: Seconds) -> Seconds:
        """How long to wait for the reading that is due then."""
        end = due if self.until is None else min(due, self.until)
        return max(0.0, end - self.clock())

    @property
    def farewell(self) -> str:
        """Why it is over, and after how long."""
        watched = format_duration(self.clock())
        if self.until is not None and self.clock() >= self.until:
            return f"Watched PID {self.last.pid} for {watched}."
        return f"PID {self.last.pid} ({self.last.name}) has ended, after it was watched for {watched}."
