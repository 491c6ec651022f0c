"""Every format a comparison can be written in. A new one is a file beside this one and a line below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from leakhunt.model.comparison import Comparison
from leakhunt.reports.compare_html import render as html
from leakhunt.reports.compare_json import render as json
from leakhunt.reports.compare_markdown import render as markdown
from leakhunt.reports.compare_text import render as text


@dataclass(frozen=True, slots=True)
class ComparisonFormat:
    """One way to write a comparison down."""

    name: str
    """As the option: `--json FILE`."""
    render: Callable[[Comparison], str]
    """Never fails, however little the comparison holds."""


FORMATS: Final = (
    ComparisonFormat("html", html),
    ComparisonFormat("markdown", markdown),
    ComparisonFormat("json", json),
    ComparisonFormat("text", text),
)
