"""Options that several commands share, in the order in which `--help` shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from leakhunt.cli.request import BUDGET_TIME
from leakhunt.model.budget import Budget, parse_budget
from leakhunt.units import Bytes, Seconds, format_size, parse_size
from leakhunt.workload.bounds import (
    LEAST_MEMORY,
    LONGEST_BUDGET,
    LONGEST_WAIT,
    MOST_MEMORY,
    MOST_REQUESTS,
    MOST_SEED,
    MOST_WORKERS,
)

_Command = TypeVar("_Command", bound=Callable[..., Any])

SERVERS: Final = ("gunicorn", "waitress", "wsgiref")


class SizeType(click.ParamType[Bytes]):
    """A size such as `300KB` or `2GiB`, of at least `least` bytes."""

    name = "size"

    def __init__(self, *, least: Bytes = 0) -> None:
        self._least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Bytes:
        """Bytes; click's usage error if the text is no size, or one that no machine has or no target gets by with."""
        try:
            size = value if isinstance(value, int) else parse_size(str(value))
        except OverflowError:
            size = MOST_MEMORY + 1
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size < self._least:
            self.fail(f"{value} is less than any target takes; give at least {format_size(self._least)}", param, ctx)
        if size > MOST_MEMORY:
            self.fail(f"{str(value)[:24]} is more than any machine has", param, ctx)
        return size


class SecondsType(click.ParamType[Seconds]):
    """A number of seconds, from `least` to `most`."""

    name = "seconds"

    def __init__(self, *, most: Seconds, least: Seconds = 1.0) -> None:
        self._least = least
        self._most = most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        """Seconds; click's usage error if the text is no number or none of that range, as nan and inf are."""
        try:
            seconds = float(str(value))
        except ValueError:
            self.fail(f"{str(value)[:24]!r} is no number of seconds", param, ctx)
        if not self._least <= seconds <= self._most:
            span = f"from {self._least:g} to {self._most:.0f} seconds"
            self.fail(f"{str(value)[:24]} is not in the range {span}", param, ctx)
        return seconds


class BudgetType(click.ParamType[Budget]):
    """A growth that is accepted, such as `64B/request` or `50MB/day@20rps`."""

    name = "budget"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Budget:
        """The budget; click's usage error if the text is none."""
        try:
            return value if isinstance(value, Budget) else parse_budget(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PathType(click.Path):
    """A path, which must not be empty: as a path that would mean the current directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; click's usage error if it is empty."""
        if not str(value):
            self.fail("a path must not be empty; write . for the current directory", param, ctx)
        return super().convert(value, param, ctx)


class AfterDashes(click.Command):
    """A command whose arguments after `--` are the user's own command, kept apart from its own arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split at the first `--`; what follows goes into the parameter `command`."""
        own, command = args, []
        if "--" in args:
            position = args.index("--")
            own, command = args[:position], args[position + 1 :]
        rest = super().parse_args(ctx, own)
        ctx.params["command"] = tuple(command)
        return rest


_COUNT: Final = click.IntRange(1, MOST_WORKERS)
_LAUNCH: Final = (
    click.argument("app", required=False, metavar="[MODULE:CALLABLE]"),
    click.option("--chdir", type=PathType(), help="Run the target in this directory."),
    click.option("--env", multiple=True, metavar="K=V", help="Set a variable in the target's environment; repeatable."),
    click.option("--server", type=click.Choice(SERVERS), help="What serves MODULE:CALLABLE.  [default: gunicorn]"),
    click.option("--workers", type=_COUNT, help="Worker processes for MODULE:CALLABLE.  [default: 1]"),
    click.option("--threads", type=_COUNT, help="Threads per worker for MODULE:CALLABLE.  [default: 1]"),
    click.option("--python", metavar="PATH", help="Interpreter or virtual environment that runs MODULE:CALLABLE."),
    click.option(
        "--url", help="Where the target answers, if that is not clear: http://127.0.0.1:8000, unix:/run/app.sock."
    ),
    click.option("--ready", metavar="PATH", help="Path that answers once the target is ready.  [default: /]"),
    click.option(
        "--ready-timeout",
        type=SecondsType(most=LONGEST_WAIT),
        metavar="SECONDS",
        help="How long to wait for that.  [default: 60]",
    ),
    click.option("--allow-host", multiple=True, metavar="HOST", help="A host besides loopback that may be loaded."),
)
_ATTACH: Final = (
    click.option("--pid", type=click.IntRange(min=1), help="Attach to this process instead of starting one."),
    click.option("--tree", is_flag=True, help="If it is a worker, attach to all workers of its server."),
    click.option("--app", "app_name", metavar="MODULE:CALLABLE", help="Its app, if leakhunt does not find it there."),
    click.option("--allow-gc", is_flag=True, help="It may be made to collect garbage and to give free memory back."),
)
_WORKLOAD: Final = (
    click.option("--workload", type=PathType(), metavar="FILE", help="Workload file (TOML)."),
    click.option("--upload", multiple=True, metavar="PATH", help="Upload to this path; repeatable."),
    click.option("--file", multiple=True, metavar="FIELD=KIND:SIZE", help="What is uploaded: file=image:300KB..2MB."),
    click.option("--request", multiple=True, metavar='"METHOD PATH"', help='Another request: "POST /search?i={n}".'),
    click.option("--body", multiple=True, metavar="TEXT|@FILE", help="Body of a --request."),
    click.option("--header", multiple=True, metavar="K:V", help="Header of every request; repeatable."),
    click.option(
        "--seed", type=click.IntRange(0, MOST_SEED), help="Fixes doses, payloads and their order.  [default: random]"
    ),
    click.option("--concurrency", type=_COUNT, help="Requests at a time.  [default: 1]"),
)


def requests_option(text: str, *, default: int | None = None) -> Callable[[_Command], _Command]:
    """How much of it; every command counts in its own way."""
    return click.option(
        "--requests",
        type=click.IntRange(1, MOST_REQUESTS),
        default=default,
        show_default=default is not None,
        help=text,
    )


_EXPERIMENT: Final = (
    requests_option("At most this many requests for the verdict rounds."),
    click.option("--output", type=PathType(), metavar="DIR", help="Run directory; must not exist yet."),
    click.option(
        "--memory-limit",
        type=SizeType(least=LEAST_MEMORY),
        help="Stop the load before the target is larger.  [default: 70 % of what is available]",
    ),
    click.option(
        "--budget-time",
        type=SecondsType(most=LONGEST_BUDGET),
        metavar="SECONDS",
        help=f"Time for the verdict rounds.  [default: {BUDGET_TIME:.0f}]",
    ),
    click.option(
        "--budget",
        type=BudgetType(),
        metavar="SIZE",
        help="Growth that is still no leak: 64B/request, or 50MB/day@20rps.  [default: 64B/request]",
    ),
    click.option("--strict", is_flag=True, help="Look for four times the proof, as long as the time lasts."),
)


def launch_options(command: _Command) -> _Command:
    """Which app, and how it is started."""
    return _apply(_LAUNCH, command)


def attach_options(command: _Command) -> _Command:
    """Which process it runs in already."""
    return _apply(_ATTACH, command)


def workload_options(command: _Command) -> _Command:
    """What is replayed against it."""
    return _apply(_WORKLOAD, command)


def experiment_options(command: _Command) -> _Command:
    """How long it goes on, and what counts as a leak."""
    return _apply(_EXPERIMENT, command)


def _apply(options: tuple[Callable[[_Command], _Command], ...], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
