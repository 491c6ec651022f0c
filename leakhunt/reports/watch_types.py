"""What agents add to a watched tree, as lines of text: who is attached to, and the types that grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leakhunt.model.view import GuestView, Inside, ProcessView, TreeView, TypeView
from leakhunt.reports.phrases import NOT_MEASURED, plain
from leakhunt.reports.spans import Line, Span, end_of
from leakhunt.units import format_duration, format_size

LEAST: Final = 5
"""Lines that say anything: the heading, the names of the columns and three types."""
_COLUMNS: Final = ("count", "size", "more", "grown by", "per minute")
_NAME: Final = (20, 60)
"""Characters that the name of a type gets, at least and at most."""


def guest_line(inside: Inside) -> str:
    """Who is attached to, how much is requested, and what it has cost."""
    wanted = len(inside.guests)
    rate = inside.requests_per_second
    told = [f"attached to {inside.attached} of {wanted}"]
    told += [] if rate is None else [f"{_rate(rate)} requests/s"]
    told += [f"stood still {format_duration(inside.stopped)} to attach"] if inside.stopped else []
    told += [f"{format_duration(inside.pause)} to look inside"] if inside.pause else []
    return ", ".join(told)


def requests_cell(process: ProcessView, view: TreeView) -> Span:
    """Requests per second of one process, or why they are not known."""
    guest = view.inside.guests.get(process.key) if view.inside is not None else None
    if guest is None:
        return NOT_MEASURED, "dim"
    return (_rate(guest.requests_per_second), "") if guest.requests_per_second is not None else (_why(guest), "dim")


def type_lines(view: TreeView, width: int) -> Iterator[Line]:
    """The types that grow, a heading first; nothing as long as no heap was looked at."""
    inside = view.inside
    if inside is None or inside.looked is None:
        return
    grown = any(each.grown_size is not None for each in inside.types)
    ago = format_duration(max(view.time - inside.looked, 0.0))
    looks = f"{inside.looks} look{'s' if inside.looks != 1 else ''} into the heaps, the last {ago} ago"
    yield ()
    if not inside.types:
        yield ((f"no type has grown since the first look; {looks}", "dim"),)
        return
    what = "types that have grown since the first look" if grown else "largest types; growth takes a second look"
    yield ((what, "strong"), (f"  {looks}", "dim"))
    rows = [_row(each) for each in inside.types]
    used = len(_COLUMNS) if grown else 2
    widths = [max(len(_COLUMNS[at]), *(len(row[at]) for row in rows)) for at in range(used)]
    longest = max(len(plain(each.type)) for each in inside.types)
    name = max(_NAME[0], min(_NAME[1], longest, width - sum(widths) - 2 * used))
    yield (("type".ljust(name), "dim"), *((f"  {_COLUMNS[at]:>{widths[at]}}", "dim") for at in range(used)))
    for each, row in zip(inside.types, rows, strict=True):
        cells = ((f"  {row[at]:>{widths[at]}}", "") for at in range(used))
        yield ((end_of(plain(each.type), name).ljust(name), ""), *cells)


def event_line(view: TreeView) -> str:
    """What was done last, or is being done."""
    return plain(view.inside.event) if view.inside is not None else ""


def _row(found: TypeView) -> tuple[str, ...]:
    if found.grown_count is None or found.grown_size is None or found.size_per_minute is None:
        return (f"{found.count:,}", format_size(found.size))
    return (
        f"{found.count:,}",
        format_size(found.size),
        f"{found.grown_count:+,}",
        format_size(found.grown_size, signed=True),
        format_size(found.size_per_minute, signed=True),
    )


def _why(guest: GuestView) -> str:
    if not guest.attached:
        return "attaching" if guest.problem is None else "not attached"
    return NOT_MEASURED if guest.requests is not None or guest.problem is None else "not counted"


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}"
