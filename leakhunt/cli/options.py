"""Options that several commands share, in the order in which `--help` shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from leakhunt.units import Bytes, parse_size

_Command = TypeVar("_Command", bound=Callable[..., Any])

SERVERS: Final = ("gunicorn", "waitress", "wsgiref")


class SizeType(click.ParamType[Bytes]):
    """A size such as `300KB` or `2GiB`."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Bytes:
        """Bytes; click's usage error if the text is no size."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


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


_LAUNCH: Final = (
    click.argument("app", required=False, metavar="[MODULE:CALLABLE]"),
    click.option("--chdir", type=click.Path(path_type=Path), help="Run the target in this directory."),
    click.option("--env", multiple=True, metavar="K=V", help="Set a variable in the target's environment; repeatable."),
    click.option("--server", type=click.Choice(SERVERS), help="What serves MODULE:CALLABLE.  [default: gunicorn]"),
    click.option("--workers", type=click.IntRange(min=1), help="Worker processes for MODULE:CALLABLE.  [default: 1]"),
    click.option("--threads", type=click.IntRange(min=1), help="Threads per worker for MODULE:CALLABLE.  [default: 1]"),
    click.option("--python", metavar="PATH", help="Interpreter or virtual environment that runs MODULE:CALLABLE."),
    click.option(
        "--url", help="Where the target answers, if that is not clear: http://127.0.0.1:8000, unix:/run/app.sock."
    ),
    click.option("--ready", metavar="PATH", help="Path that answers once the target is ready.  [default: /]"),
    click.option("--ready-timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, metavar="SECONDS"),
    click.option("--allow-host", multiple=True, metavar="HOST", help="A host besides loopback that may be loaded."),
)
_WORKLOAD: Final = (
    click.option("--workload", type=click.Path(path_type=Path), metavar="FILE", help="Workload file (TOML)."),
    click.option("--upload", multiple=True, metavar="PATH", help="Upload to this path; repeatable."),
    click.option("--file", multiple=True, metavar="FIELD=KIND:SIZE", help="What is uploaded: file=image:300KB..2MB."),
    click.option("--request", multiple=True, metavar='"METHOD PATH"', help='Another request: "POST /search?i={n}".'),
    click.option("--body", multiple=True, metavar="TEXT|@FILE", help="Body of a --request."),
    click.option("--header", multiple=True, metavar="K:V", help="Header of every request; repeatable."),
    click.option(
        "--seed", type=click.IntRange(min=0), help="Fixes doses, payloads and their order.  [default: random]"
    ),
    click.option("--concurrency", type=click.IntRange(min=1), help="Requests at a time.  [default: 1]"),
)


def launch_options(command: _Command) -> _Command:
    """Which app, and how it is started."""
    return _apply(_LAUNCH, command)


def workload_options(command: _Command) -> _Command:
    """What is replayed against it."""
    return _apply(_WORKLOAD, command)


def requests_option(text: str, *, default: int | None = None) -> Callable[[_Command], _Command]:
    """How much of it; every command counts in its own way."""
    return click.option(
        "--requests", type=click.IntRange(min=1), default=default, show_default=default is not None, help=text
    )


def _apply(options: tuple[Callable[[_Command], _Command], ...], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
