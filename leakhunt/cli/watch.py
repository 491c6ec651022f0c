"""`leakhunt watch`: a process tree, as it grows."""

from __future__ import annotations

import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import click

from leakhunt.cli.options import PathType, SecondsType
from leakhunt.cli.screen import can_take_over, taken_over
from leakhunt.cli.watch_archive import Archive
from leakhunt.cli.watch_screen import LiveWatch
from leakhunt.cli.watch_session import Session
from leakhunt.errors import UsageError
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.insight import EVERY, Insight, announcement
from leakhunt.hunt.watch import Watch
from leakhunt.model.view import TreeView
from leakhunt.reports import watch as pages
from leakhunt.reports import watch_json
from leakhunt.reports.watch import SORTS, WIDE, Look
from leakhunt.targets.watched import find_process
from leakhunt.units import Seconds

_INTERVAL: Final[Seconds] = 2.0
_DAY: Final[Seconds] = 86400.0

Show = Callable[[TreeView], None]


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
@click.option("--types", is_flag=True, help="Attach to the workers; show the types that grow, and requests per second.")
@click.option("--app", metavar="MODULE:CALLABLE", help="The app, where no server tells which it is.")
@click.option("--sort", type=click.Choice(tuple(SORTS)), default="birth", help="Order of the table.  [default: birth]")
def command(
    pid: int,
    interval: Seconds,
    duration: Seconds | None,
    record: Path | None,
    once: bool,
    as_json: bool,
    types: bool,
    app: str | None,
    sort: str,
) -> int:
    """Watch the memory of a process and of all that descends from it.

    All figures come from /proc: nothing is brought into the processes, and none of them is stopped, unless you ask for
    it with --types or a key. Give the PID of a server's master to see its workers, those that are recycled later
    included.
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
    insight = Insight(interval=interval, clock=clock, app=app)
    with Archive(record, first, interval) as archive, _left(insight):
        if types:
            _attach(insight, first, once=once)
        first = insight.see(first)
        session = Session(watch, insight, archive, interval, duration, clock, first)
        archive.add(first)
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
def _left(insight: Insight) -> Iterator[None]:
    """Whatever happens, the processes are left as they were."""
    try:
        yield
    finally:
        for sentence in insight.close():
            click.echo(sentence, err=True)


def _attach(insight: Insight, first: TreeView, *, once: bool) -> None:
    """Say it, do it, and raise TargetError if it worked with no process at all."""
    click.echo(announcement(first), err=True)
    insight.start(first, every=EVERY)
    insight.require_guests()
    if once:
        insight.wait_for_types()


def _follow(session: Session, show: Show) -> None:
    """One reading after the other, to whatever stdout is."""
    due = session.clock()
    while True:
        due = max(due + session.interval, session.clock())
        time.sleep(session.patience(due))
        view = session.read()
        if view is None:
            break
        if not session.archive.keeps_readings and _reader_has_gone():
            return
        show(view)
    click.echo(session.farewell, err=True)


def _reader_has_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more, as after `| head`."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False  # it is no file at all


def _take_screen(session: Session, sort: str) -> None:
    """The same on a terminal, with keys. What was seen last stays on the normal screen."""
    with taken_over() as screen:
        live = LiveWatch(session, screen, Look(sort=sort, unicode=_draws()))
        quit_ = live.run()
    look = replace(live.look, width=shutil.get_terminal_size().columns, height=None, hint="", going_on=False)
    click.echo(pages.text(session.last, look), nl=False)
    if not quit_:
        click.echo(session.farewell, err=True)


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
