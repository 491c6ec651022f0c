"""A watched process tree as lines of text: the same for a terminal, which adds colour, and for a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from leakhunt.model.view import Limit, ProcessView, TreeView, Trend
from leakhunt.reports import phrases
from leakhunt.reports.phrases import NOT_MEASURED, plain
from leakhunt.reports.spans import Line, Span, cut, end_of
from leakhunt.reports.watch_types import LEAST, event_line, guest_line, requests_cell, type_lines
from leakhunt.units import Bytes, Seconds, format_duration, format_size

TREND: Final = "A trend with its interval at 99 %, no verdict: caches that fill rise, too."
WIDE: Final = 140
_ROOMY: Final = 100
"""Characters from which there are two blanks between columns, and not one."""
_ROWS: Final = 5
"""Lines of the table that are worth more than what stands around it."""
_NAME: Final = 28
"""Characters that a name gets at most."""
_FEW: Final = 4
"""Lines of the table that are worth more than the limit, which has lines of its own."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_PLAIN_SPARKS: Final = "_.-=*#"
_SPARK: Final = (8, 32)
"""Readings that a curve shows, at least and at most."""
_FLAT: Final = (2**20, 0.02)
"""Bytes, and share of the level, that a curve spans at least: what moves less looks flat."""
_UNITS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))

SORTS: Final[Mapping[str, Callable[[ProcessView], float]]] = {
    "birth": lambda _: 0.0,
    "rss": lambda view: -view.vitals.memory.rss,
    "growth": lambda view: -view.growth.per_second if view.growth else 0.0,
    "cpu": lambda view: -(view.cpu_share or 0.0),
}
"""What the table may be sorted by, the default first."""


@dataclass(frozen=True, slots=True)
class Look:
    """How much room there is, and what a person wants to see first."""

    width: int = WIDE
    height: int | None = None
    """Lines; None where there is no end of them."""
    sort: str = "birth"
    unicode: bool = True
    """Whether curves can be drawn with block characters."""
    hint: str = ""
    """Last line: the keys."""
    going_on: bool = True
    """Whether more readings follow."""

    @property
    def gap(self) -> int:
        """Blanks between columns."""
        return 2 if self.width >= _ROOMY else 1


@dataclass(frozen=True, slots=True)
class _Column:
    """One column; of those that do not fit, the ones with the highest rank are left out first."""

    name: str
    rank: int
    right: bool
    cell: Callable[[ProcessView, TreeView, Look], Span]


def render(view: TreeView, look: Look) -> tuple[Line, ...]:
    """Head, table, the types that grow, what has ended, and what to keep in mind."""
    head, table, foot = [*_head(view, look)], _table(view, look), [*_foot(view, look)]
    types = [*type_lines(view, look.width)]
    if look.height is not None:
        if look.height - len(head) - len(foot) < min(len(table), _ROWS) + min(len(types), LEAST):
            head, foot = head[:-1], _least(view, look)
        if look.height - len(head) - len(foot) < _FEW:
            head = head[:2]
        room = max(look.height - len(head) - len(foot), 1)
        types = types[: max(room - len(table), min(LEAST, room - _FEW), 0)]
        table = _fitting(table, room - len(types))
    lines = [cut(line, look.width) for line in (*head, *table, *types, *foot)]
    return tuple(lines if look.height is None else lines[: look.height])


def _fitting(table: list[Line], room: int) -> list[Line]:
    if len(table) <= room:
        return table
    shown = max(room - 1, 1)
    return [*table[:shown], ((f"and {len(table) - shown} more; a higher window shows them", "dim"),)]


def text(view: TreeView, look: Look) -> str:
    """The same without anything but characters."""
    return "".join("".join(part for part, _ in line).rstrip() + "\n" for line in render(view, look))


def growth_cell(found: Trend | None) -> str:
    """Growth per minute and half its interval, in one unit: `+1.23 ±0.41 MiB`."""
    if found is None:
        return NOT_MEASURED
    slope, half = found.per_second * 60, (found.high - found.low) * 30
    unit, factor = next((each for each in _UNITS if max(abs(slope), half) >= each[1]), _UNITS[-1])
    largest = max(abs(slope), half) / factor
    digits = 0 if largest >= 99.5 or factor == 1 else 1 if largest >= 9.95 else 2
    return f"{slope / factor:+.{digits}f} ±{half / factor:.{digits}f} {unit}"


def sparkline(levels: Sequence[Bytes], width: int, *, unicode: bool = True) -> str:
    """A curve from left to right, the highest reading of every stretch."""
    if not levels:
        return ""
    marks = _SPARKS if unicode else _PLAIN_SPARKS
    count = min(width, len(levels))
    edges = [len(levels) * number // count for number in range(count + 1)]
    shown = [max(levels[low:high]) for low, high in pairwise(edges)]
    low = min(shown)
    spread = max(max(shown) - low, _FLAT[0], round(low * _FLAT[1]))
    return "".join(marks[min(len(marks) - 1, (level - low) * len(marks) // spread)] for level in shown)


def _head(view: TreeView, look: Look) -> Iterator[Line]:
    many = f"{len(view.processes)} process{'es' if len(view.processes) != 1 else ''}"
    watched = f"watched for {format_duration(view.time)}, every {view.interval:g} s"
    yield ((f"{plain(view.name)} (PID {view.pid})", "strong"), (f"  {many}, {watched}", ""))
    sizes = [("RSS", view.rss), ("USS", view.uss), ("PSS", view.pss)]
    told = "  ".join(f"{name} {format_size(value)}" for name, value in sizes if value is not None)
    yield ((f"{told}  growth ", ""), _total_growth(view, look))
    yield from _limit(view)
    if view.inside is not None and view.inside.guests:
        yield ((guest_line(view.inside), ""),)
    yield ()


def _total_growth(view: TreeView, look: Look) -> Span:
    if view.growth is None:
        return (f"known in {_until(view, view.readings)}" if look.going_on else NOT_MEASURED), "dim"
    return f"{growth_cell(view.growth)} per minute ({view.basis.upper()})", _tone(view.growth)


def _limit(view: TreeView) -> Iterator[Line]:
    if view.limit is None:
        yield (("memory limit not known", "dim"),)
        return
    yield ((f"limit {format_size(view.limit.size)} ({_source(view.limit)}), {format_size(view.limit.left)} left", ""),)
    if view.full_in is not None:
        expected, soonest, latest = map(format_duration, view.full_in)
        yield ((f"full in {expected} ({soonest} to {latest}) if this goes on", "rising"),)
    elif view.growth is not None:
        yield (("not seen to fill up", "dim"),)


def _source(limit: Limit) -> str:
    return plain(limit.source) if limit.source != "host" else "this machine"


def _foot(view: TreeView, look: Look) -> Iterator[Line]:
    yield ()
    if view.ended:
        last = ", ".join(
            f"{plain(each.name)} ({each.pid}) {format_duration(max(view.time - each.ended, 0.0))} ago at "
            f"{format_size(each.rss)}"
            for each in view.ended[:2]
        )
        yield ((f"ended: {last}", "dim"),)
    missing = [column.name for column in _columns(view) if column not in _chosen(view, look)]
    if missing:
        yield ((f"left out at this width: {', '.join(missing)}", "dim"),)
    yield from (((line, "dim"),) for note in view.notes for line in _wrapped(note, look.width))
    yield from _least(view, look)


def _least(view: TreeView, look: Look) -> list[Line]:
    """What is said in the smallest window."""
    lines: list[Line] = [((line, "dim"),) for line in _wrapped(TREND, look.width)]
    if event := event_line(view):
        lines += [((line, ""),) for line in _wrapped(event, look.width)]
    return [*lines, ((look.hint, "strong"),)] if look.hint else lines


def _wrapped(sentence: str, width: int) -> list[str]:
    return textwrap.wrap(plain(sentence), max(width, _SPARK[0]))


def _table(view: TreeView, look: Look) -> list[Line]:
    shown = sorted(view.processes, key=SORTS[look.sort])
    chosen = _chosen(view, look)
    cells = [[column.cell(process, view, look) for column in chosen] for process in shown]
    header: list[Span] = [(column.name, "dim") for column in chosen]
    widths = [min(max(len(row[at][0]) for row in (header, *cells)), _NAME) for at in range(len(chosen))]
    spare = look.width - sum(widths) - look.gap * len(widths)
    spark = max(_SPARK[0], min(_SPARK[1], spare))
    lines = [_row(header, chosen, widths, look.gap, (_curve_name(spark).ljust(spark), "dim"))]
    for process, row in zip(shown, cells, strict=True):
        curve = sparkline(process.history, spark, unicode=look.unicode).ljust(spark)
        lines.append(_row(row, chosen, widths, look.gap, (curve, "")))
    return lines


def _curve_name(width: int) -> str:
    return "curve of RSS" if width >= len("curve of RSS") else "curve"


def _row(row: Sequence[Span], chosen: Sequence[_Column], widths: Sequence[int], gap: int, curve: Span) -> Line:
    spans: list[Span] = []
    for (cell, tone), column, width in zip(row, chosen, widths, strict=True):
        fitted = end_of(cell, width)
        spans += [(fitted.rjust(width) if column.right else fitted.ljust(width), tone), (" " * gap, "")]
    return (*spans, curve)


def _chosen(view: TreeView, look: Look) -> list[_Column]:
    """The columns that fit beside a curve."""
    chosen = _columns(view)
    while len(chosen) > 2 and _needed(view, look, chosen) > look.width:
        chosen.remove(max(chosen, key=lambda column: column.rank))
    return chosen


def _columns(view: TreeView) -> list[_Column]:
    return [column for column in _COLUMNS if column is not _REQUESTS or view.inside is not None]


def _needed(view: TreeView, look: Look, chosen: Sequence[_Column]) -> int:
    cells = {column: [len(column.cell(process, view, look)[0]) for process in view.processes] for column in chosen}
    widths = (min(max(len(column.name), *longest), _NAME) for column, longest in cells.items())
    return sum(width + look.gap for width in widths) + _SPARK[0]


def _until(view: TreeView, readings: int) -> str:
    return format_duration(round(max(view.wanted - readings, 1) * view.interval) or 1)


def _tone(found: Trend | None) -> str:
    if found is None:
        return "dim"
    return "rising" if found.rises else "falling" if found.high < 0 else ""


def _growth(process: ProcessView, view: TreeView, look: Look) -> Span:
    if process.growth is None:
        return (f"in {_until(view, len(process.history))}" if look.going_on else NOT_MEASURED), "dim"
    return growth_cell(process.growth), _tone(process.growth)


def _share(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.0%}"


def _size(value: Seconds | Bytes | None) -> Span:
    return phrases.size(value), ""


_REQUESTS: Final = _Column("req/s", 4, True, lambda process, view, _: requests_cell(process, view))
_COLUMNS: Final = (
    _Column("process", 0, False, lambda process, *_: (plain(process.name), "")),
    _Column("PID", 1, True, lambda process, *_: (str(process.pid), "dim")),
    _Column("RSS", 2, True, lambda process, *_: _size(process.vitals.memory.rss)),
    _Column("USS", 5, True, lambda process, *_: _size(process.vitals.memory.uss)),
    _Column("PSS", 10, True, lambda process, *_: _size(process.vitals.memory.pss)),
    _Column("RSS per minute", 3, True, _growth),
    _REQUESTS,
    _Column("CPU", 6, True, lambda process, *_: (_share(process.cpu_share), "")),
    _Column("thr", 8, True, lambda process, *_: (phrases.number(process.vitals.threads), "")),
    _Column("fds", 7, True, lambda process, *_: (phrases.number(process.vitals.descriptors), "")),
    _Column("oom", 9, True, lambda process, *_: (phrases.number(process.vitals.oom_score), "")),
)
