"""The line table as text: which function keeps how much of each call, then where in it memory rises and falls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leakhunt.model.lines import FunctionUse, LineTable, LineUse
from leakhunt.reports.columns import columns
from leakhunt.reports.phrases import plain
from leakhunt.units import Bytes, format_size

WIDTH: Final = 100
_FUNCTION_FIGURES: Final = 43
"""Characters that the figures beside a function's name take, at most."""
_LINE_FIGURES: Final = 30
"""Characters that the figures beside a line of source take, at most."""
_NARROWEST: Final = 20
"""Characters that a name or a line of source gets however narrow the terminal is."""
_MIB: Final = 2**20
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"


def render(table: LineTable, width: int = WIDTH) -> str:
    """Functions, the lines of each, what was not measured, caveats. Only sentences are longer than `width`."""
    sections = (
        _functions(table.functions, width),
        *([_heading(function, width), *_lines(function, width)] for function in table.functions),
        [f"Not measured: {plain(problem)}" for problem in table.problems],
        [f"Caveat: {plain(caveat.rstrip('.'))}." for caveat in table.caveats],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _functions(functions: tuple[FunctionUse, ...], width: int) -> list[str]:
    room = max(width - _FUNCTION_FIGURES, _NARROWEST)
    return columns(
        ("function", "kept per call", "peak per call", "calls"),
        (
            (
                _end(use.name, room),
                format_size(use.kept / use.calls, signed=True),
                format_size(use.peak / use.calls, signed=True),
                str(use.calls),
            )
            for use in functions
        ),
        align="lrrr",
    )


def _heading(function: FunctionUse, width: int) -> str:
    file = Path(function.file)
    if file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    name = _end(function.name, width)
    room = width - len(name) - 2
    return f"{name}  {_end(plain(f'{file}:{function.first_line}'), room)}" if room >= _NARROWEST else name


def _lines(function: FunctionUse, width: int) -> list[str]:
    room = max(width - _LINE_FIGURES, _NARROWEST)
    return columns(
        ("line", "MiB per call", "runs", "source"),
        (
            (str(line.number), _mebibytes(line.increment, function.calls), str(line.occurrences), _start(source, room))
            for line, source in zip(function.lines, _outdented(function.lines), strict=True)
        ),
        align="rrrl",
    )


def _outdented(lines: tuple[LineUse, ...]) -> Iterator[str]:
    """The source of each line, without the indentation that all of them have."""
    texts = [line.source.expandtabs(4) for line in lines]
    indents = [len(text) - len(text.lstrip()) for text in texts if text.strip()]
    return (text[min(indents, default=0) :] for text in texts)


def _mebibytes(total: Bytes, calls: int) -> str:
    """Three decimals, about a KiB: in one unit the lines compare at a glance."""
    text = f"{total / calls / _MIB:+.3f}"
    return "0" if text in {"+0.000", "-0.000"} else text


def _start(text: str, room: int) -> str:
    text = plain(text)
    return text if len(text) <= room else text[: room - 1] + _CUT


def _end(text: str, room: int) -> str:
    """Names and paths say most at their end."""
    return text if len(text) <= room else _CUT + text[len(text) - room + 1 :]
