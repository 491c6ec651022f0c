"""Every format a report can be written in. A new one is a file beside this one and a line below."""

from __future__ import annotations

from typing import Final

from leakhunt.reports.base import Format
from leakhunt.reports.html import HTML
from leakhunt.reports.json_ import JSON
from leakhunt.reports.markdown import MARKDOWN
from leakhunt.reports.text import TEXT

FORMATS: Final[tuple[Format, ...]] = (HTML, MARKDOWN, JSON, TEXT)
