"""What a report format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leakhunt.model.report import Report


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a report down."""

    name: str
    """As in `--format`."""
    extension: str
    """Of the file it is written to, with its dot."""
    render: Callable[[Report], str]
    """Never fails, however little the report holds."""
