"""`leakhunt heap`: take, inspect and compare heaps."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from leakhunt.cli.options import PathType, SecondsType
from leakhunt.units import Seconds, format_duration, format_size

_LONGEST: Seconds = 3600.0


@click.group("heap")
def command() -> None:
    """Take, inspect and compare the heap of a live process.

    take writes the heap of a process into a file: every object, its size and what it refers to. The others read
    such files: which types there are, who holds how much, by what path, and what has changed.
    """


@command.command("take")
@click.argument("pid", type=click.IntRange(min=1))
@click.option("-o", "--output", type=PathType(), metavar="FILE", required=True, help="Must not exist yet.")
@click.option("--keys", is_flag=True, help="Keep short strings that are keys of dictionaries, to name entries by them.")
@click.option(
    "--timeout",
    type=SecondsType(least=1.0, most=_LONGEST),
    metavar="SECONDS",
    default=600.0,
    help="Give up after so long.  [default: 600]",
)
def take(pid: int, output: Path, keys: bool, timeout: Seconds) -> int:
    """Write the heap of a process into a file.

    A copy of the process is made, for which it stands still for some milliseconds, and told object by object. PID is a
    process, or the master of a server: then each of its workers gets a file of its own. Contents of strings are not in
    it, but for names that stand in code.
    """
    from rich.console import Console

    from leakhunt.hunt.heap import places, take_heap
    from leakhunt.targets.scope import survey

    scope = survey(pid, whole_tree=False)
    files = places(scope, output)
    console = Console(stderr=True)
    click.echo(scope.sentence, err=True)
    for process, path in files:
        with console.status(f"PID {process.pid}") as status:
            taken = take_heap(
                process,
                path,
                keys=keys,
                timeout=timeout,
                told=lambda objects: status.update(f"{objects:,} objects"),
            )
        origin = taken.origin
        cost = [
            f"{taken.objects:,} objects and {taken.references:,} references in {format_duration(origin.duration or 0)}",
            f"stood still {format_duration(max(origin.pause or 0.0, taken.stopped))}",
        ]
        if origin.copied is not None:
            cost.append(f"the copy took {format_size(origin.copied)}")
        for sentence in (*origin.problems, *(f"Something of the agent had to stay: {name}." for name in taken.left)):
            click.echo(sentence, err=True)
        click.echo(f"PID {process.pid}: {', '.join(cost)}.", err=True)
        sys.stdout.write(f"{taken.path}\n")
    return 0
