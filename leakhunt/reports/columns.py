"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leakhunt.reports.phrases import plain


def columns(header: Sequence[str], rows: Iterable[Sequence[str]], *, align: str) -> list[str]:
    """Columns as wide as their widest cell; `align` has one letter for each: `l` for left, `r` for right.

    Without rows there is no table, not even its header.
    """
    body = [tuple(plain(cell) for cell in row) for row in rows]
    if not body:
        return []
    widths = [max(len(row[column]) for row in (header, *body)) for column in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(row, widths, align, strict=True)
        ).rstrip()
        for row in (header, *body)
    ]
