"""`report.html`: one file that needs no other, works offline and runs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leakhunt.model.report import Report
from leakhunt.reports import flame, phrases
from leakhunt.reports.base import Format
from leakhunt.reports.drawing import draw_svgs
from leakhunt.reports.svg_inline import inline

_TITLES: Final = {
    "growth": "Growth of the memory of each process over time",
    "routes": "Bytes kept per request by route",
}


def render(report: Report) -> str:
    """The page. Everything that came from the target is escaped, and nothing in the page may load or run."""
    css = resources.files("leakhunt.reports").joinpath("templates/report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        judgement=report.judgement,
        say=phrases,
        # Our own style sheet and drawings; their texts were escaped where they were made.
        css=Markup(css),  # noqa: S704
        css_digest=digest,
        wide=_charts(draw_svgs(report), "wide"),
        narrow=_charts(draw_svgs(report, narrow=True), "narrow"),
        flame=Markup(flame.render(report) or ""),  # noqa: S704
    )


def _charts(drawn: Mapping[str, str], kind: str) -> Mapping[str, Markup]:
    return {
        name: Markup(inline(svg, title=_TITLES[name], id_prefix=f"{name}-{kind}-"))  # noqa: S704  # as above
        for name, svg in drawn.items()
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("leakhunt.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _harmless(value: object) -> object:
    """What a template prints: control characters of the target's text become visible, None never shows."""
    if value is None:
        return phrases.NOT_MEASURED
    return phrases.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


HTML: Final = Format("html", ".html", render)
