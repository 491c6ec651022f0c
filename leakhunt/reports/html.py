"""`report.html`: one file that needs no other, works offline and runs no script."""

from __future__ import annotations

import base64
import hashlib
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


def render(report: Report) -> str:
    """The page. Everything that came from the target is escaped, and nothing in the page may load or run."""
    css = resources.files("leakhunt.reports").joinpath("templates/report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    drawn = draw_svgs(report)
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        judgement=report.judgement,
        say=phrases,
        # Our own style sheet and drawings; their texts were escaped where they were made.
        css=Markup(css),  # noqa: S704
        css_digest=digest,
        growth_chart=_chart(drawn.get("growth"), "Growth of the memory of each process over time", "growth-"),
        routes_chart=_chart(drawn.get("routes"), "Bytes kept per request by route", "routes-"),
        flame=Markup(flame.render(report) or ""),  # noqa: S704
    )


def _chart(svg: str | None, title: str, id_prefix: str) -> Markup:
    if svg is None:
        return Markup("")
    return Markup(inline(svg, title=title, id_prefix=id_prefix))  # noqa: S704  # as above


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
