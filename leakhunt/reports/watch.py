"""A watched process tree as lines of text: the same for a terminal, which adds colour, and for a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from leakhunt.model.view import Limit, ProcessView, TreeView, Trend
from leakhunt.reports import phrases
from leakhunt.reports.phrases import NOT_MEASURED, plain
from leakhunt.units import Bytes, Seconds, format_duration, format_size

Span: TypeAlias = tuple[str, str]
"""Text and how it is meant: `""`, `dim`, `strong`, `rising` or `falling`."""
Line: TypeAlias = tuple[Span, ...]

TREND: Final = (
    "Growth is a trend over what was watched, with its interval at 99 %. It is no verdict: caches that fill rise, too."
)
WIDE: Final = 140
_GAP: Final = 2
_NAME: Final = (14, 28)
"""Characters that a name gets, at least and at most."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_PLAIN_SPARKS: Final = "_.-=*#"
_SPARK: Final = (8, 32)
"""Readings that a curve shows, at least and at most."""
_FLAT: Final = (2**20, 0.02)
"""Bytes, and share of the level, that a curve spans at least: what moves less looks flat."""
_UNITS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"

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


@dataclass(frozen=True, slots=True)
class _Column:
    """One column; of those that do not fit, the ones with the highest rank are left out first."""

    name: str
    rank: int
    right: bool
    cell: Callable[[ProcessView, TreeView], Span]


def render(view: TreeView, look: Look) -> tuple[Line, ...]:
    """Head, table, what has ended, and what to keep in mind."""
    head = [*_head(view)]
    foot = [*_foot(view, look)]
    table = _table(view, look)
    if look.height is not None:
        room = look.height - len(head) - len(foot)
        if len(table) > room:
            left_out = len(table) - max(room - 1, 1)
            table = [*table[: max(room - 1, 1)], ((f"and {left_out} more; enlarge the window to see them", "dim"),)]
    lines = [_cut(line, look.width) for line in (*head, *table, *foot)]
    return tuple(lines if look.height is None else lines[: look.height])


def text(view: TreeView, look: Look) -> str:
    """The same without anything but characters."""
    return "".join("".join(part for part, _ in line).rstrip() + "\n" for line in render(view, look))


def growth_cell(found: Trend | None) -> str:
    """Growth per minute and half its interval, in one unit: `+1.23 ±0.41 MiB`."""
    if found is None:
        return NOT_MEASURED
    slope, half = found.per_second * 60, (found.high - found.low) * 30
    unit, factor = next((each for each in _UNITS if max(abs(slope), half) >= each[1]), _UNITS[-1])
    digits = 0 if max(abs(slope), half) >= 100 * factor or factor == 1 else 1 if abs(slope) >= 10 * factor else 2
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


def _head(view: TreeView) -> Iterator[Line]:
    many = f"{len(view.processes)} process{'es' if len(view.processes) != 1 else ''}"
    watched = f"watched for {format_duration(view.time)}, every {view.interval:g} s"
    yield ((f"{plain(view.name)} (PID {view.pid})", "strong"), (f"  {many}, {watched}", ""))
    sizes = [f"RSS {format_size(view.rss)}"]
    sizes += [f"{name} {format_size(value)}" for name, value in (("USS", view.uss), ("PSS", view.pss)) if value]
    yield (
        (f"all together: {', '.join(sizes)}; {view.basis.upper()} grows by ", ""),
        (f"{growth_cell(view.growth)} per minute", _tone(view.growth)) if view.growth else _pending(view),
    )
    yield _limit_line(view)
    yield ()


def _limit_line(view: TreeView) -> Line:
    if view.limit is None:
        return (("memory limit: not known", "dim"),)
    known = f"memory limit: {format_size(view.limit.size)} ({_source(view.limit)}), {format_size(view.limit.left)} left"
    full = view.full_in
    if full is not None:
        expected, soonest, latest = map(format_duration, full)
        return ((f"{known}; ", ""), (f"full in {expected} ({soonest} to {latest}) if this goes on", "rising"))
    return ((known, ""), ("; not seen to be coming closer" if view.growth else "", "dim"))


def _source(limit: Limit) -> str:
    return f"of {plain(limit.source)}" if limit.source != "host" else "of this machine"


def _foot(view: TreeView, look: Look) -> Iterator[Line]:
    yield ()
    if view.ended:
        last = ", ".join(
            f"{plain(each.name)} ({each.pid}) {format_duration(max(view.time - each.ended, 0.0))} ago at "
            f"{format_size(each.rss)}"
            for each in view.ended[:2]
        )
        yield ((f"ended: {last}", "dim"),)
    missing = [column.name for column in _COLUMNS if column not in _chosen(view, look)]
    if missing:
        yield ((f"left out at this width: {', '.join(missing)}", "dim"),)
    yield from (((line, "dim"),) for note in (*view.notes, TREND) for line in _wrapped(note, look.width))
    if look.hint:
        yield ((look.hint, "strong"),)


def _wrapped(sentence: str, width: int) -> list[str]:
    return textwrap.wrap(plain(sentence), max(width, _NAME[0]))


def _table(view: TreeView, look: Look) -> list[Line]:
    shown = sorted(view.processes, key=SORTS[look.sort])
    chosen = _chosen(view, look)
    cells = [[column.cell(process, view) for column in chosen] for process in shown]
    header: list[Span] = [(column.name, "dim") for column in chosen]
    widths = [max(len(row[at][0]) for row in (header, *cells)) for at in range(len(chosen))]
    name = next(at for at, column in enumerate(chosen) if column.name == "process")
    spare = look.width - sum(widths) - _GAP * len(widths)
    widths[name] = min(widths[name], _NAME[1])
    spark = max(_SPARK[0], min(_SPARK[1], spare))
    lines = [_row(header, chosen, widths, ("curve of RSS"[:spark].ljust(spark), "dim"))]
    for process, row in zip(shown, cells, strict=True):
        curve = sparkline(process.history, spark, unicode=look.unicode).ljust(spark)
        lines.append(_row(row, chosen, widths, (curve, "")))
    return lines


def _row(row: Sequence[Span], chosen: Sequence[_Column], widths: Sequence[int], curve: Span) -> Line:
    spans: list[Span] = []
    for (cell, tone), column, width in zip(row, chosen, widths, strict=True):
        fitted = cell if len(cell) <= width else _CUT + cell[len(cell) - width + 1 :]
        spans += [(fitted.rjust(width) if column.right else fitted.ljust(width), tone), (" " * _GAP, "")]
    return (*spans, curve)


def _chosen(view: TreeView, look: Look) -> list[_Column]:
    """The columns that fit beside a curve."""
    chosen = list(_COLUMNS)
    while len(chosen) > 2 and _needed(view, chosen) > look.width:
        chosen.remove(max(chosen, key=lambda column: column.rank))
    return chosen


def _needed(view: TreeView, chosen: Sequence[_Column]) -> int:
    widths = (
        max(len(column.name), *(len(column.cell(process, view)[0]) for process in view.processes)) for column in chosen
    )
    return sum(min(width, _NAME[1]) + _GAP for width in widths) + _SPARK[0]


def _cut(line: Line, width: int) -> Line:
    cut: list[Span] = []
    for part, tone in line:
        if len(part) > width:
            cut.append((part[: max(width - 1, 0)] + _CUT if width else "", tone))
            break
        cut.append((part, tone))
        width -= len(part)
    return tuple(cut)


def _pending(view: TreeView) -> Span:
    """When there will be enough readings for a trend."""
    return (f"(known in {_until(view, view.readings)})", "dim")


def _until(view: TreeView, readings: int) -> str:
    return format_duration(round(max(view.wanted - readings, 1) * view.interval) or 1)


def _tone(found: Trend | None) -> str:
    if found is None:
        return "dim"
    return "rising" if found.rises else "falling" if found.high < 0 else ""


def _growth(process: ProcessView, view: TreeView) -> Span:
    if process.growth is None:
        return f"in {_until(view, len(process.history))}", "dim"
    return growth_cell(process.growth), _tone(process.growth)


def _share(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.0%}"


def _size(value: Seconds | Bytes | None) -> Span:
    return phrases.size(value), ""


_COLUMNS: Final = (
    _Column("process", 0, False, lambda process, _: (plain(process.name), "")),
    _Column("PID", 1, True, lambda process, _: (str(process.pid), "dim")),
    _Column("RSS", 2, True, lambda process, _: _size(process.vitals.memory.rss)),
    _Column("USS", 5, True, lambda process, _: _size(process.vitals.memory.uss)),
    _Column("PSS", 10, True, lambda process, _: _size(process.vitals.memory.pss)),
    _Column("RSS per minute", 3, True, _growth),
    _Column("CPU", 6, True, lambda process, _: (_share(process.cpu_share), "")),
    _Column("threads", 8, True, lambda process, _: (phrases.number(process.vitals.threads), "")),
    _Column("fds", 7, True, lambda process, _: (phrases.number(process.vitals.descriptors), "")),
    _Column("oom", 9, True, lambda process, _: (phrases.number(process.vitals.oom_score), "")),
)
