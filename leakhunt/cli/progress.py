"""Progress on the terminal, to stderr: a spinner line per phase where there is a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from leakhunt.model.run import Phase, Round
from leakhunt.units import format_duration, format_size

_SHOW_MEMORY: Final = (Phase.DOSE, Phase.REPEATED, Phase.EXPLAIN, Phase.CALLS, Phase.WARM_UP)


class Progress:
    """An `Observer` of the experiment that tells a person how far it is."""

    def __init__(self, console: Console, aside: str | None = None) -> None:
        """With `aside`, a name for the run, it is one of many: only the spinner tells of it."""
        self._console = console
        self._aside = aside
        self._status: Status | None = None
        self._label = ""
        self._rounds = 0
        self._started = self._since = time.monotonic()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._status = self._console.status("starting the target")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def phase(self, label: str) -> None:
        """Name the stretch that begins."""
        self._label, self._rounds, self._since = label, 0, time.monotonic()
        self._say(f"[{format_duration(time.monotonic() - self._started)}] {label}")

    def round(self, done: Round) -> None:
        """Show how much memory the target has after this round."""
        self._rounds += 1
        if self._status is not None and done.phase is Phase.NATURAL:
            total = sum(sample.memory.rss for sample in done.samples)
            served = sum(sum(sample.served.values()) for sample in done.samples)
            elapsed = format_duration(time.monotonic() - self._since)
            self._status.update(Text(f"{self._label} · {elapsed} · {served} requests · {format_size(total)} RSS"))
        elif self._status is not None and done.phase in _SHOW_MEMORY:
            total = sum(sample.memory.rss for sample in done.samples)
            requests = sum(done.doses.values())
            # As Text, because a route may look like markup.
            self._status.update(
                Text(f"{self._label} · round {self._rounds} · {requests} requests · {format_size(total)} RSS")
            )

    def note(self, text: str) -> None:
        """Something to know now."""
        if self._aside is not None:
            return
        self._console.print(text, markup=False, highlight=False)

    def _say(self, text: str) -> None:
        if self._status is not None:
            self._status.update(Text(text if self._aside is None else f"{self._aside} · {text}"))
        if self._aside is not None:
            return
        self._console.print(text, markup=False, highlight=False, style="dim")
