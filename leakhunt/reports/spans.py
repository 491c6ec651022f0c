"""Text with a tone, for a terminal that may show it in colour."""

from __future__ import annotations

from typing import Final, TypeAlias

Span: TypeAlias = tuple[str, str]
"""Text and how it is meant: `""`, `dim`, `strong`, `rising` or `falling`."""
Line: TypeAlias = tuple[Span, ...]

_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"


def cut(line: Line, width: int) -> Line:
    """The line as far as it fits."""
    fitting: list[Span] = []
    for part, tone in line:
        if len(part) > width:
            fitting.append((part[: max(width - 1, 0)] + _CUT if width else "", tone))
            break
        fitting.append((part, tone))
        width -= len(part)
    return tuple(fitting)


def end_of(text: str, width: int) -> str:
    """The end of a name, which says more than its beginning, as far as it fits."""
    return text if len(text) <= width else _CUT + text[len(text) - width + 1 :]
