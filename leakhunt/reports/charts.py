"""Charts as matplotlib figures, and figures as PNG and SVG. No global state of matplotlib is touched."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from math import isfinite
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from leakhunt.model.report import PhaseSpan, Report, RouteReport, Series, Verdict
from leakhunt.reports.palette import CURVES, GRID, INK, MUTED, PAPER, PHASES, VERDICTS
from leakhunt.reports.phrases import plain
from leakhunt.units import Seconds, format_size

_WIDTH: Final = 8.4
_NARROW: Final = 4.2
"""Inches, for screens on which the letters of the wide drawing would be too small to read."""
_LEGEND_ENTRIES: Final = 8
_MIB: Final = 2**20

_STYLE: Final[dict[Any, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    # The same report gives the same bytes, and text stays text.
    "svg.hashsalt": "leakhunt",
    "svg.fonttype": "none",
}


def all_charts(report: Report, *, narrow: bool = False) -> dict[str, Figure]:
    """The charts that there is data for, by name."""
    figures = {"growth": growth_chart(report, narrow=narrow), "routes": routes_chart(report, narrow=narrow)}
    return {name: figure for name, figure in figures.items() if figure is not None}


def growth_chart(report: Report, *, narrow: bool = False) -> Figure | None:
    """RSS of every worker over time (USS thin), phases shaded, the verdict as title; None without a sample."""
    drawn = [series for series in report.series if series.times]
    if not drawn:
        return None
    with rc_context(_STYLE):
        width = _NARROW if narrow else _WIDTH
        figure = Figure(figsize=(width, 3.9), layout="constrained")
        axes = _bare(figure.add_subplot())
        curves = _draw_growth(axes, report, width=width, end=_end(drawn), top=_top(drawn))
        wordy = "memory of each process over time: RSS, and USS as a thin line"
        _title(axes, report.judgement.verdict, "RSS over time, USS thin" if narrow else wordy)
        handles = _fewest(curves)
        figure.legend(handles=handles, loc="outside lower left", ncols=2 if narrow else 4, frameon=False, fontsize=8)
    return figure


def growth_charts(before: Report, after: Report, *, narrow: bool = False) -> Figure | None:
    """The growth charts of two runs on the same axes, side by side or one above the other; None without a sample."""
    sides = [[series for series in report.series if series.times] for report in (before, after)]
    drawn = [series for side in sides for series in side]
    if not drawn:
        return None
    with rc_context(_STYLE):
        figure = Figure(figsize=(_NARROW, 7.0) if narrow else (_WIDTH, 3.9), layout="constrained")
        shape = (2, 1) if narrow else (1, 2)
        panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
        for axes, report, when in zip(panels.flat, (before, after), ("before", "after"), strict=True):
            curves = _draw_growth(_bare(axes), report, width=_NARROW, end=_end(drawn), top=_top(drawn))
            _title(axes, report.judgement.verdict, f"{when}: RSS over time, USS thin")
            below = {"loc": "upper left", "bbox_to_anchor": (0, -0.16), "borderaxespad": 0}
            axes.legend(handles=_fewest(curves), frameon=False, fontsize=8, **below)
    return figure


def routes_chart(report: Report, *, narrow: bool = False) -> Figure | None:
    """Bytes kept per request and route with their intervals; None where none was measured."""
    rows = [route for route in report.routes if _known(route.bytes_per_request)]
    if not rows:
        return None
    with rc_context(_STYLE):
        size = (_NARROW, 1.3 + 0.55 * len(rows)) if narrow else (_WIDTH, 1.3 + 0.42 * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = _bare(figure.add_subplot())
        for position, route in enumerate(reversed(rows)):
            _bar(axes, position, route)
        _name_rows(axes, [_label(route.route, 44) for route in reversed(rows)], above=narrow)
        _logarithmic(axes, [_ends(route) for route in rows], room=60 if narrow else 6)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        rest = "logarithmic" if narrow else "with 99 % intervals (logarithmic)"
        _title(axes, report.judgement.verdict, f"bytes kept per request, {rest}")
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG, twice as fine as the screen."""
    buffer = io.BytesIO()
    with rc_context(_STYLE):
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """The figure as SVG, equal for equal reports."""
    buffer = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _bare(axes: Axes) -> Axes:
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return axes


def _end(drawn: Sequence[Series]) -> Seconds:
    return max(series.times[-1] for series in drawn) or 1.0


def _top(drawn: Sequence[Series]) -> float:
    """In MiB. A fifth of the height is left to the names of the phases."""
    return 1.2 * max(max(series.rss) for series in drawn) / _MIB or 1


def _draw_growth(axes: Axes, report: Report, *, width: float, end: Seconds, top: float) -> list[Line2D]:
    """Phases and curves; what the curves are called."""
    for phase in report.phases:
        _shade(axes, phase, end, width)
    drawn = [series for series in report.series if series.times]
    curves = [_draw(axes, series, CURVES[number % len(CURVES)]) for number, series in enumerate(drawn)]
    axes.set_xlabel("seconds since the start of the run")
    axes.set_xlim(0, end)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} MiB"))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    return curves


def _title(axes: Axes, verdict: Verdict, rest: str) -> None:
    axes.set_title(verdict.value, loc="left", color=VERDICTS[verdict], fontweight="bold", fontsize=11, pad=18)
    axes.annotate(rest, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", color=MUTED, fontsize=8.5)


def _shade(axes: Axes, phase: PhaseSpan, end: Seconds, width: float) -> None:
    axes.axvspan(phase.started, phase.ended, color=PHASES[phase.phase], linewidth=0, zorder=0)
    label = _label(phase.label, 24)
    # A letter is about a hundredth of the wide drawing; a name that does not fit stands upright.
    upright = len(label) * 0.011 * _WIDTH / width * end > phase.ended - phase.started
    axes.text(
        (phase.started + min(phase.ended, end)) / 2,
        0.985,
        label,
        transform=axes.get_xaxis_transform(),
        rotation=90 if upright else 0,
        ha="center",
        va="top",
        fontsize=7.5,
        color=MUTED,
        clip_on=True,
    )


def _draw(axes: Axes, series: Series, colour: str) -> Line2D:
    known = [(time, uss / _MIB) for time, uss in zip(series.times, series.uss, strict=True) if uss is not None]
    axes.plot([time for time, _ in known], [uss for _, uss in known], color=colour, linewidth=0.7, alpha=0.8)
    rss = [value / _MIB for value in series.rss]
    (line,) = axes.plot(series.times, rss, color=colour, linewidth=1.7, label=_label(series.name, 28))
    return line


def _bar(axes: Axes, position: int, route: RouteReport) -> None:
    value = route.bytes_per_request or 0.0
    low, high = _ends(route)
    axes.barh(position, value, height=0.5, color=VERDICTS[route.verdict], alpha=0.85)
    axes.hlines(position, low, high, color=INK, linewidth=1.4)
    text = format_size(value, signed=True)
    axes.annotate(
        text, (max(value, high, 0), position), (5, 0), textcoords="offset points", va="center", fontsize=8, color=INK
    )


def _fewest(curves: list[Line2D]) -> list[Line2D]:
    """As many curves as the legend has room for; recycled workers can be dozens."""
    more = len(curves) - _LEGEND_ENTRIES
    rest = [Line2D([], [], linestyle="none", label=f"and {more} more")] if more > 0 else []
    return [*curves[:_LEGEND_ENTRIES], *rest]


def _known(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _ends(route: RouteReport) -> tuple[float, float]:
    value = route.bytes_per_request or 0.0
    low, high = route.bytes_per_request_interval or (value, value)
    # An open end is drawn as far as the figure itself.
    return (low if isfinite(low) else value, high if isfinite(high) else value)


def _name_rows(axes: Axes, names: list[str], *, above: bool) -> None:
    """Names of the rows, from below: beside them, or above each bar."""
    axes.set_yticks(range(len(names)), [] if above else names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(-0.6, len(names) - (0.25 if above else 0.4))
    if above:
        for position, name in enumerate(names):
            place = axes.get_yaxis_transform()
            axes.text(0, position + 0.3, name, transform=place, va="bottom", fontsize=8.5, color=INK)


def _logarithmic(axes: Axes, ends: list[tuple[float, float]], *, room: float) -> None:
    """Leaks differ by orders of magnitude, so the axis is logarithmic but for the kibibyte around zero.

    `room` is the factor that is left for the figures beside the bars.
    """
    axes.set_xscale("symlog", base=32, linthresh=1024, linscale=0.35)
    axes.set_xlim(min(-1024, *(1.5 * low for low, _ in ends)), max(4096, *(room * high for _, high in ends)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_size(value)))


def _label(text: str, length: int) -> str:
    """Text short enough, and made of characters that the font has, because a missing one is a warning."""
    known = _characters()
    shown = "".join(char if ord(char) in known else "?" for char in plain(text))
    return shown if len(shown) <= length else f"{shown[: length - 3]}..."


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=["DejaVu Sans"]))).get_charmap())
