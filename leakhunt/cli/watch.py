"""`leakhunt watch`: a process tree from outside, as it grows."""

from __future__ import annotations

import platform
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import click

from leakhunt import __version__
from leakhunt.cli.options import PathType, SecondsType
from leakhunt.cli.screen import Screen, can_take_over, taken_over
from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.watch import Watch
from leakhunt.hunt.watch_record import WatchRecorder, plan_of
from leakhunt.model.view import TreeView
from leakhunt.reports import watch as pages
from leakhunt.reports import watch_json
from leakhunt.reports.watch import SORTS, WIDE, Look
from leakhunt.runfile import RunWriter
from leakhunt.targets.watched import find_process
from leakhunt.units import Seconds, format_duration

_INTERVAL: Final[Seconds] = 2.0
_DAY: Final[Seconds] = 86400.0
_COMPLETE: Final = "complete"
_INTERRUPTED: Final = "interrupted"
_KEYS: Final = "s sort by {next}   p {pause}   q quit"

Show = Callable[[TreeView], None]


@dataclass
class Session:
    """What is to be done with each reading, and for how long."""

    watch: Watch
    interval: Seconds
    until: Seconds | None
    clock: Callable[[], Seconds]
    keep: Show
    """Writes a reading down."""
    recorded: bool
    """Whether it does: then readings are worth it whoever looks on."""
    last: TreeView | None = None

    def read(self) -> TreeView | None:
        """The next reading; None if there is nothing to read any more, or the time is over."""
        if self.until is not None and self.last is not None and self.clock() >= self.until:
            return None
        view = self.watch.read()
        if view is not None:
            self.last = view
            self.keep(view)
        return view


@click.command("watch")
@click.argument("pid", type=click.IntRange(min=1))
@click.option(
    "--interval",
    type=SecondsType(least=0.2, most=3600.0),
    metavar="SECONDS",
    default=_INTERVAL,
    help=f"Time from one reading to the next.  [default: {_INTERVAL:g}]",
)
@click.option(
    "--duration",
    type=SecondsType(most=30 * _DAY),
    metavar="SECONDS",
    help="Stop after so long.  [default: when the process ends]",
)
@click.option("--record", type=PathType(), metavar="RUN", help="Record into this directory; must not exist yet.")
@click.option("--once", is_flag=True, help="Read once, print it and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one line of JSON.")
@click.option("--sort", type=click.Choice(tuple(SORTS)), default="birth", help="Order of the table.  [default: birth]")
def command(
    pid: int, interval: Seconds, duration: Seconds | None, record: Path | None, once: bool, as_json: bool, sort: str
) -> int:
    """Watch the memory of a process and of all that descends from it, from outside.

    Nothing is brought into the processes, and none of them is stopped: all figures come from /proc. Give the PID of a
    server's master to see its workers, those that are recycled later included.
    """
    if once and duration is not None:
        raise UsageError("--once and --duration exclude each other", "Leave one of them out.")
    root, clock = find_process(pid), start_clock()
    watch = Watch(root, interval=interval, clock=clock)
    first = watch.read()
    if first is None:
        # It has ended since it was found: find_process says so, and how.
        find_process(pid)
        return 0
    with _kept(record, first, interval) as keep:
        session = Session(watch, interval, duration, clock, keep, record is not None, first)
        keep(first)
        if as_json or once or not can_take_over():
            look = Look(_width(), sort=sort, unicode=_draws(), going_on=not once)
            show = _print_json if as_json else _printer(look)
            show(first)
            if not once:
                _follow(session, show)
        else:
            _take_screen(session, sort)
    return 0


@contextmanager
def _kept(directory: Path | None, first: TreeView, interval: Seconds) -> Iterator[Show]:
    """What writes readings down; nothing, unless it is asked for."""
    if directory is None:
        yield lambda _: None
        return
    head = {
        "name": first.name,
        "started_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "leakhunt": __version__,
    }
    with _named_record(), RunWriter(directory, plan=plan_of(first.pid, first.name, interval), **head) as writer:
        writer.conditions(_conditions(first, directory))
        recorder = WatchRecorder(writer)
        outcome = _INTERRUPTED
        try:
            yield recorder.add
            outcome = _COMPLETE
        finally:
            recorder.finish(outcome)
            click.echo(f"Recorded: {directory}", err=True)


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


def _follow(session: Session, show: Show) -> None:
    """One reading after the other, to whatever stdout is."""
    due = session.clock()
    while True:
        due = max(due + session.interval, session.clock())
        time.sleep(_until(session, due))
        view = session.read()
        if view is None:
            break
        if not session.recorded and _reader_has_gone():
            return
        show(view)
    click.echo(_farewell(session), err=True)


def _reader_has_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more, as after `| head`."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False  # it is no file at all


def _until(session: Session, due: Seconds) -> Seconds:
    end = due if session.until is None else min(due, session.until)
    return max(0.0, end - session.clock())


def _farewell(session: Session) -> str:
    assert session.last is not None
    watched = format_duration(session.clock())
    if session.until is not None and session.clock() >= session.until:
        return f"Watched PID {session.last.pid} for {watched}."
    return f"PID {session.last.pid} ({session.last.name}) has ended, after it was watched for {watched}."


def _take_screen(session: Session, sort: str) -> None:
    """The same on a terminal, with keys. What was seen last stays on the normal screen."""
    with taken_over() as screen:
        quit_, look = _Live(session, screen, Look(sort=sort, unicode=_draws())).run()
    if session.last is not None:
        width = shutil.get_terminal_size().columns
        click.echo(pages.text(session.last, replace(look, width=width, height=None, hint="", going_on=False)), nl=False)
    if not quit_:
        click.echo(_farewell(session), err=True)


class _Live:
    """Readings and keys, in turns."""

    def __init__(self, session: Session, screen: Screen, look: Look) -> None:
        self._session = session
        self._screen = screen
        self._look = look
        self._paused = False
        self._shown = session.last

    def run(self) -> tuple[bool, Look]:
        """Whether somebody has quit, and how they wanted it sorted."""
        due = self._session.clock()
        while True:
            self._draw()
            due = max(due + self._session.interval, self._session.clock())
            if self._keys(due):
                return True, self._look
            view = self._session.read()
            if view is None:
                return False, self._look
            if not self._paused:
                self._shown = view

    def _keys(self, due: Seconds) -> bool:
        """Obey keys until the next reading is due; whether to quit."""
        while (hit := self._screen.key(_until(self._session, due))) is not None:
            if hit in {"q", "Q"}:
                return True
            if hit in {"p", "P", " "}:
                self._paused = not self._paused
                self._shown = self._session.last
            elif hit in {"s", "S"}:
                self._look = replace(self._look, sort=_next_sort(self._look.sort))
            self._draw()
        return False

    def _draw(self) -> None:
        if self._shown is None:
            return
        width, height = self._screen.size()
        pause = "go on (readings do)" if self._paused else "pause"
        hint = f"sorted by {self._look.sort}   " + _KEYS.format(next=_next_sort(self._look.sort), pause=pause)
        look = replace(self._look, width=width, height=height, hint=hint)
        self._screen.show(pages.render(self._shown, look))


def _next_sort(sort: str) -> str:
    names = tuple(SORTS)
    return names[(names.index(sort) + 1) % len(names)]


def _printer(look: Look) -> Show:
    printed = False

    def show(view: TreeView) -> None:
        nonlocal printed
        click.echo(("\n" if printed else "") + pages.text(view, look), nl=False)
        sys.stdout.flush()
        printed = True

    return show


def _print_json(view: TreeView) -> None:
    click.echo(watch_json.render(view, at=datetime.now(timezone.utc).isoformat(timespec="milliseconds")), nl=False)
    sys.stdout.flush()


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE


def _draws() -> bool:
    """Whether block characters can be written where stdout goes."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
