"""The charts of a report as SVG and PNG. matplotlib is imported when the first one is drawn: it is slow and large."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from leakhunt.model.report import Report


def draw_svgs(report: Report, *, narrow: bool = False) -> Mapping[str, str]:
    """Every chart there is data for, by name: `growth` and `routes`; for a page, or narrow for a phone."""
    with _in_silence():
        from leakhunt.reports import charts  # noqa: PLC0415  # see above

    return {name: charts.svg(figure) for name, figure in charts.all_charts(report, narrow=narrow).items()}


def draw_comparison(before: Report, after: Report, *, narrow: bool = False) -> Mapping[str, str]:
    """The growth charts of two runs on the same axes, if there is data for one of them."""
    with _in_silence():
        from leakhunt.reports import charts  # noqa: PLC0415  # see above

    figure = charts.growth_charts(before, after, narrow=narrow)
    return {} if figure is None else {"growth": charts.svg(figure)}


def draw_files(report: Report) -> Mapping[str, bytes]:
    """The same as files, by name: `growth.png`, `growth.svg`, ..."""
    with _in_silence():
        from leakhunt.reports import charts  # noqa: PLC0415  # see above

    files = {}
    for name, figure in charts.all_charts(report).items():
        files[f"{name}.png"] = charts.png(figure)
        files[f"{name}.svg"] = charts.svg(figure).encode()
    return files


@contextmanager
def _in_silence() -> Iterator[None]:
    """Keep matplotlib from saying where it keeps its cache of fonts.

    Where the user's directories cannot be written to, that is a private temporary one, which it removes at the end.
    """
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
