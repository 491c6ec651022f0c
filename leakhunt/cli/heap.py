"""`leakhunt heap`: take, inspect and compare heaps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from leakhunt.cli.options import PathType, SecondsType, SizeType
from leakhunt.errors import UsageError
from leakhunt.units import Bytes, Seconds, format_duration, format_size

if TYPE_CHECKING:
    from leakhunt.analysis.heap.analysed import HeapAnalysis
    from leakhunt.hunt.heap import Taken

_LONGEST: Final[Seconds] = 3600.0
_Command = TypeVar("_Command", bound=Callable[..., Any])

_file = click.argument("file", type=PathType(), metavar="FILE")


def _rows(default: int) -> Callable[[_Command], _Command]:
    return click.option(
        "--rows", type=click.IntRange(1, 100_000), default=default, help=f"Lines at most.  [default: {default}]"
    )


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
    "--sample",
    type=SecondsType(least=1.0, most=_LONGEST),
    metavar="SECONDS",
    help="Sample allocations for so long before, to name the lines that made what is held.",
)
@click.option(
    "--timeout",
    type=SecondsType(least=1.0, most=_LONGEST),
    metavar="SECONDS",
    default=600.0,
    help="Give up after so long.  [default: 600]",
)
def take(pid: int, output: Path, keys: bool, sample: Seconds | None, timeout: Seconds) -> int:
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
                sample=sample,
                told=lambda objects: status.update(f"{objects:,} objects"),
            )
        _say(process.pid, taken)
    return 0


def _say(pid: int, taken: Taken) -> None:
    origin = taken.origin
    for sentence in (*origin.problems, *(f"Something of the agent had to stay: {name}." for name in taken.left)):
        click.echo(sentence, err=True)
    said = [
        f"{taken.objects:,} objects and {taken.references:,} references in {format_duration(origin.duration or 0)}",
        f"stood still {format_duration(max(origin.pause or 0.0, taken.stopped))}",
    ]
    if origin.copied is not None:
        said.append(f"the copy took {format_size(origin.copied)}")
    click.echo(f"PID {pid}: {', '.join(said)}; {format_size(taken.size)} written.", err=True)
    sys.stdout.write(f"{taken.path}\n")


@command.command("top")
@_file
@_rows(25)
@click.option(
    "--sort", type=click.Choice(("retained", "shallow", "count")), default="retained", help="[default: retained]"
)
def top(file: Path, rows: int, sort: str) -> int:
    """Show the types of a heap by count, shallow and retained size."""
    from leakhunt.analysis.heap.analysed import summary, type_rows
    from leakhunt.reports import heap as pages

    heap = _read(file)
    found = sorted(type_rows(heap), key=lambda row: -int(getattr(row, sort)))
    sys.stdout.write(pages.top(summary(heap), found, rows))
    return 0


@command.command("dominators")
@_file
@click.option("--depth", type=click.IntRange(1, 100), default=6, help="Levels of the tree.  [default: 6]")
@_rows(10)
def dominators(file: Path, depth: int, rows: int) -> int:
    """Show leak suspects with their accumulation points, and the dominator tree."""
    from leakhunt.analysis.heap import suspects
    from leakhunt.reports import heap as pages

    sys.stdout.write(pages.dominators(suspects.dominators(_read(file), depth=depth, rows=rows)))
    return 0


@command.command("path")
@_file
@click.option("--type", "type_", metavar="TYPE", help="All objects of this type, merged; the module may be left out.")
@click.option(
    "--object", "address", metavar="ADDRESS", help="The object at this address, as the other commands print it."
)
@_rows(10)
def path(file: Path, type_: str | None, address: str | None, rows: int) -> int:
    """Show the shortest path from a root to an object, or to all objects of a type."""
    from leakhunt.analysis.heap.holding import object_at, type_paths
    from leakhunt.reports import heap as pages

    if (type_ is None) == (address is None):
        raise UsageError("Give either --type or --object.", "leakhunt heap top FILE lists the types.")
    if address is not None:
        place = _address(address)
        found = object_at(_read(file), place)
        if found is None:
            raise UsageError(f"There is no object at {address}.", "leakhunt heap find FILE lists objects.")
        sys.stdout.write(pages.held_object(found))
    elif type_ is not None:
        ways = type_paths(_read(file), type_)
        if ways is None:
            raise _no_type(type_)
        sys.stdout.write(pages.paths(ways, rows))
    return 0


@command.command("find")
@_file
@click.option("--type", "type_", metavar="TYPE", help="Objects of this type only; the module may be left out.")
@click.option("--min-size", type=SizeType(), metavar="SIZE", default="1MB", help="Retained at least.  [default: 1MB]")
@_rows(50)
def find(file: Path, type_: str | None, min_size: Bytes, rows: int) -> int:
    """Show objects by type and retained size, each with what holds it."""
    from leakhunt.analysis.heap import holding
    from leakhunt.reports import heap as pages

    heap = _read(file)
    if type_ is not None and not len(holding.objects_of(heap, type_)):
        raise _no_type(type_)
    sys.stdout.write(pages.found_objects(*holding.find(heap, type_, min_size, rows)))
    return 0


@command.command("diff")
@click.argument("before", type=PathType(), metavar="A")
@click.argument("after", type=PathType(), metavar="B")
@_rows(25)
def diff(before: Path, after: Path, rows: int) -> int:
    """Show what has changed from heap A to heap B: holders and types that have grown."""
    from leakhunt.analysis.heap.differing import difference
    from leakhunt.reports import heap as pages

    sys.stdout.write(pages.difference(difference(_read(before), _read(after)), rows))
    return 0


@command.command("html")
@_file
@click.option("-o", "--output", type=PathType(), metavar="PAGE", help="File to write.  [default: FILE.html]")
def html(file: Path, output: Path | None) -> int:
    """Write one page with suspects, types and a browser of the dominator tree."""
    from leakhunt.analysis.heap.analysed import type_rows
    from leakhunt.analysis.heap.packing import pack_tree
    from leakhunt.analysis.heap.suspects import dominators as dominated
    from leakhunt.reports.heap_html import render

    heap = _read(file)
    page = output or file.with_name(f"{file.name}.html")
    text = render(dominated(heap), type_rows(heap), pack_tree(heap))
    try:
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{page} cannot be written: {error.strerror}.", "Choose another place.") from error
    sys.stdout.write(f"{page}\n")
    return 0


def _read(file: Path) -> HeapAnalysis:
    from leakhunt.analysis.heap.analysed import analyse_heap
    from leakhunt.heapfile.find import find_heap
    from leakhunt.heapfile.read import read_heap

    return analyse_heap(read_heap(find_heap(file)))


def _address(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise UsageError(f"{text[:24]!r} is no address.", "Addresses look like 0x7f3a5c0012d0.") from None


def _no_type(name: str) -> UsageError:
    return UsageError(
        f"There is no object of type {name[:80]!r} in this heap.", "leakhunt heap top FILE lists the types."
    )
