"""`report.html`: one file that needs no other, works offline and runs no script."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from leakhunt.model.report import Report
from leakhunt.reports import flame, phrases
from leakhunt.reports.base import Format
from leakhunt.reports.drawing import draw_svgs
from leakhunt.reports.page import charts, render_page

_TITLES: Final = {
    "growth": "Growth of the memory of each process over time",
    "routes": "Bytes kept per request by route",
}


def render(report: Report) -> str:
    """The page of a run."""
    return render_page(
        "report.html.j2",
        report=report,
        judgement=report.judgement,
        say=phrases,
        wide=charts(draw_svgs(report), _TITLES, "wide"),
        narrow=charts(draw_svgs(report, narrow=True), _TITLES, "narrow"),
        flame=Markup(flame.render(report) or ""),  # noqa: S704  # its texts were escaped where they were made
    )


HTML: Final = Format("html", ".html", render)
