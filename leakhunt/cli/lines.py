"""`leakhunt lines`: memory_profiler around named functions while the workload runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from rich.console import Console

from leakhunt.cli.options import AfterDashes, launch_options, requests_option, workload_options
from leakhunt.cli.progress import Progress
from leakhunt.cli.request import connect, make_target, read_request
from leakhunt.errors import UsageError
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.lines import measure_lines
from leakhunt.reports.lines import WIDTH, render

REQUESTS: Final = 10
_FORM: Final = "Write --function mysite.views:upload, or mysite.views:Upload.post for a method."


@click.command("lines", cls=AfterDashes)
@launch_options
@workload_options
@requests_option("Measured requests of each step.", default=REQUESTS)
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A function to measure, or a method as MODULE:Class.method; repeatable.",
)
def command(**options: Any) -> None:
    """Show memory line by line for named functions, under the replayed workload.

    Give the app as MODULE:CALLABLE, or the command that serves it after `--`:

    \b
      leakhunt lines --function shop.views:order --workload shop.toml shop.wsgi:app
      leakhunt lines --function shop.views:order --workload shop.toml -- gunicorn shop.wsgi
    """  # noqa: D301  # click wants the character itself
    functions = check_functions(options["functions"])
    request = read_request(options, start=("leakhunt", "lines", *(f"--function={name}" for name in functions)))
    clock = start_clock()
    with Progress(Console(stderr=True)) as progress:
        table = measure_lines(
            target=make_target(request, clock, functions),
            workload=request.workload,
            connect=lambda started: connect(request, started, clock),
            requests=options["requests"],
            observer=progress,
            clock=clock,
        )
    click.echo(render(table, _width()), nl=False)


def check_functions(names: Sequence[str]) -> tuple[str, ...]:
    """The functions to measure, each once.

    Raises:
        UsageError: there is none, or one is not of the form `module:function` or `module:Class.method`.
    """
    if not names:
        raise UsageError("there is no function to measure", _FORM)
    for name in names:
        module, colon, path = name.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
            raise UsageError(f"--function {name} is not of the form MODULE:FUNCTION", _FORM)
    return tuple(dict.fromkeys(names))


def _width() -> int:
    return min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
