"""The command group and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from leakhunt import __version__
from leakhunt.cli.streams import mended_streams
from leakhunt.errors import LeakhuntError

EXIT_USAGE: Final = 2
EXIT_FULL: Final = 3
EXIT_INTERNAL: Final = 70
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command whose module is imported only when it runs, so that `--help` stays quick."""

    name: str
    summary: str
    """Shown by `leakhunt --help`; equal to the first line of the command's own help (tested)."""

    def load(self) -> click.Command:
        """Import the command: `leakhunt.cli.<name>` defines `command`."""
        command: click.Command = importlib.import_module(f"leakhunt.cli.{self.name}").command
        return command


COMMANDS: Final = (
    LazyCommand("profile", "Replay a workload against a web app and judge whether its memory leaks."),
    LazyCommand("init", "Write a first configuration by looking at a project."),
    LazyCommand("check", "Fail where a web app's memory breaks the limits of its project."),
    LazyCommand("lines", "Show memory line by line for named functions, under the replayed workload."),
    LazyCommand("watch", "Watch the memory of a process and of all that descends from it."),
    LazyCommand("heap", "Take, inspect and compare the heap of a live process."),
    LazyCommand("scan", "Look through source code for what leaks memory."),
    LazyCommand("report", "Render a recorded run again."),
    LazyCommand("compare", "Compare two recorded runs, before and after a change."),
    LazyCommand("doctor", "Say what works on this machine, or on one process, and what to do about what does not."),
)


class LazyGroup(click.Group):
    """Lists its commands from `COMMANDS` and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of `COMMANDS`."""
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        return next((command.load() for command in COMMANDS if command.name == cmd_name), None)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; of a broken pipe click would make the end of the process."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # Our own reader may go without an error, so this is a pipe or a socket that something else should read.
            raise ConnectionError("Nobody reads what leakhunt writes to a pipe or a socket.") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The summaries, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.summary) for command in COMMANDS])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="leakhunt")
def leakhunt() -> None:
    """Find memory leaks in Python web apps: which route, how many bytes per request, which line, held by what.

    Exit codes: 0 clean or done, 1 leak, 2 usage or configuration, 3 could not run, 4 inconclusive, 70 internal error,
    130 interrupted.
    """


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code. Nothing else in leakhunt ends the process."""
    with mended_streams():
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    try:
        with _terminated_like_interrupted():
            code = leakhunt.main(list(argv), prog_name="leakhunt", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except Exception as error:
        return _explain(error)
    return code if isinstance(code, int) else 0


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Have SIGTERM, with which CI ends a job, do what Ctrl-C does: stop the target, report what was recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain(error: Exception) -> int:
    """Say on stderr what went wrong; the exit code."""
    if isinstance(error, LeakhuntError):
        _complain(error.message, error.hint)
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show(sys.stderr)
        return EXIT_USAGE
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _complain("There is no space left to write to.", "Free some space, or send the output somewhere else.")
        return EXIT_FULL
    return _internal_error(error)


def _complain(message: str, hint: str | None) -> None:
    click.echo(f"leakhunt: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)


def _internal_error(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    _complain("This is a bug in leakhunt, not in your app.", "Please report it with the traceback above.")
    return EXIT_INTERNAL
