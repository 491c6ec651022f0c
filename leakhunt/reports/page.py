"""What all pages have in common: one style sheet, a policy that lets nothing load or run, and text that cannot act."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leakhunt.reports import phrases
from leakhunt.reports.svg_inline import inline


def render_page(template: str, **values: object) -> str:
    """A template of `templates/`. Everything that came from a target is escaped, and nothing may load or run."""
    css = resources.files("leakhunt.reports").joinpath("templates/report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    # Our own style sheet; nothing else is taken as it is.
    return _environment().get_template(template).render(css=Markup(css), css_digest=digest, **values)  # noqa: S704


def charts(drawn: Mapping[str, str], titles: Mapping[str, str], kind: str) -> Mapping[str, Markup]:
    """Drawings as elements of the page; their texts were escaped where they were made."""
    return {
        name: Markup(inline(svg, title=titles[name], id_prefix=f"{name}-{kind}-"))  # noqa: S704  # as above
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
