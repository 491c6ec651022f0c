"""A watch on a terminal: readings and keys, in turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from leakhunt.cli.screen import Screen
from leakhunt.cli.watch_session import Session
from leakhunt.hunt.insight import announcement
from leakhunt.model.view import Inside
from leakhunt.reports import watch as pages
from leakhunt.reports.watch import SORTS, Look

_KEYS: Final = "sorted by {sort}   s sort by {next}   t {take}   p {pause}   q quit"


class LiveWatch:
    """Shows readings until there are no more, or somebody quits."""

    def __init__(self, session: Session, screen: Screen, look: Look) -> None:
        self.look = look
        self._session = session
        self._screen = screen
        self._paused = False
        self._shown = session.last

    def run(self) -> bool:
        """Whether somebody has quit."""
        due = self._session.clock()
        while True:
            self._draw()
            due = max(due + self._session.interval, self._session.clock())
            if self._keys(due):
                return True
            view = self._session.read()
            if view is None:
                return False
            if not self._paused:
                self._shown = view

    def _keys(self, due: float) -> bool:
        """Obey keys until the next reading is due; whether to quit."""
        while (key := self._screen.key(self._session.patience(due))) is not None:
            hit = key.lower()
            if hit == "q":
                return True
            if hit in {"p", " "}:
                self._paused = not self._paused
                self._shown = self._session.last
            elif hit == "s":
                self.look = replace(self.look, sort=_next_sort(self.look.sort))
            elif hit == "t":
                self._take()
            self._draw()
        return False

    def _take(self) -> None:
        """Take a snapshot of every worker; attach to them first, after it was said."""
        session = self._session
        if not session.insight.started:
            self._shown = replace(session.last, inside=Inside({}, event=announcement(session.last)))
            self._draw()
            session.insight.start(session.last, every=None)
        session.insight.order(session.archive.keep)
        self._shown = session.last = session.insight.see(session.last)

    def _draw(self) -> None:
        width, height = self._screen.size()
        sort, started = self.look.sort, self._session.insight.started
        hint = _KEYS.format(
            sort=sort,
            next=_next_sort(sort),
            take="snapshot" if started else "attach, snapshot",
            pause="go on" if self._paused else "pause",
        )
        look = replace(self.look, width=width, height=height, hint=hint)
        self._screen.show(pages.render(self._shown, look))


def _next_sort(sort: str) -> str:
    names = tuple(SORTS)
    return names[(names.index(sort) + 1) % len(names)]
