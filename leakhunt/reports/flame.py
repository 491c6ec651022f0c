"""The allocation flame graph: who called whom to allocate what stays, as wide as it is heavy. SVG of our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from leakhunt.model.report import Report
from leakhunt.model.snapshot import Frame
from leakhunt.reports.phrases import plain
from leakhunt.units import format_size

Stacks: TypeAlias = tuple[tuple[tuple[Frame, ...], float], ...]
"""Stacks, innermost frame first, and the bytes each keeps per request."""

_WIDTH: Final = 960.0
_ROW: Final = 22.0
_CHARACTER: Final = 6.6
"""Width of a character of the labels; they are in a font of even width."""
_THINNEST: Final = 1.5
"""Narrower boxes are left out: nobody could see or hit them."""


@dataclass(slots=True)
class _Node:
    frame: Frame | None
    weight: float = 0.0
    children: dict[Frame, _Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Box:
    """One frame of the graph, in units of the drawing."""

    x: float
    width: float
    depth: int
    name: str
    title: str
    kind: str
    """`root`, `application` or `library`."""


def boxes(report: Report) -> tuple[Box, ...]:
    """The boxes of the graph, callers above what they call; empty without stacks."""
    root = _tree(report.flame or _stacks_of_suspects(report))
    return tuple(_layout(root, 0.0, _WIDTH / root.weight, 0)) if root.weight > 0 else ()


def render(report: Report) -> str | None:
    """The graph as an SVG element for the page; None without stacks."""
    drawn = boxes(report)
    if not drawn:
        return None
    height = _ROW * (1 + max(box.depth for box in drawn))
    inner = "".join(map(_draw, drawn))
    label = "Flame graph of the allocations that stay, in bytes per request; the same figures are in the tables above."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flame" viewBox="0 0 {_WIDTH:g} {height:g}" '
        f'role="img" aria-label={quoteattr(label)}>{inner}</svg>'
    )


def _stacks_of_suspects(report: Report) -> Stacks:
    return tuple((suspect.stack, suspect.bytes_per_request or 0.0) for suspect in report.suspects if suspect.stack)


def _tree(stacks: Stacks) -> _Node:
    root = _Node(None)
    for stack, weight in stacks:
        if weight <= 0:
            continue
        root.weight += weight
        node = root
        for frame in reversed(stack):
            node = node.children.setdefault(frame, _Node(frame))
            node.weight += weight
    return root


def _layout(node: _Node, x: float, scale: float, depth: int) -> Iterator[Box]:
    width = node.weight * scale
    if width < _THINNEST:
        return
    yield _box(node, x, width, depth)
    for child in sorted(node.children.values(), key=lambda child: -child.weight):
        yield from _layout(child, x, scale, depth + 1)
        x += child.weight * scale


def _box(node: _Node, x: float, width: float, depth: int) -> Box:
    per_request = f"{format_size(node.weight)} per request"
    if node.frame is None:
        return Box(x, width, depth, f"everything that stays, {per_request}", per_request, "root")
    frame = node.frame
    name = f"{frame.function} {PurePath(frame.file).name}:{frame.line}"
    title = f"{frame.function} at {frame.file}:{frame.line}, {per_request}"
    return Box(x, width, depth, name, title, _kind(frame))


def _kind(frame: Frame) -> str:
    parts = PurePath(frame.file).parts
    library = {"site-packages", "dist-packages"}.intersection(parts) or any(
        part.startswith("python3") for part in parts
    )
    return "library" if library or frame.file.startswith("<") else "application"


def _draw(box: Box) -> str:
    room = int((box.width - 8) / _CHARACTER)
    name = plain(box.name)
    label = name if len(name) <= room else f"{name[: room - 1]}\N{HORIZONTAL ELLIPSIS}" if room > 4 else ""
    y = box.depth * _ROW
    return (
        f'<g class="{box.kind}"><title>{escape(plain(box.title))}</title>'
        f'<rect x="{box.x:.2f}" y="{y:g}" width="{max(box.width - 1, 0.5):.2f}" height="{_ROW - 1:g}" rx="2"/>'
        f'<text x="{box.x + 4:.2f}" y="{y + 14.5:g}">{escape(label)}</text></g>'
    )
