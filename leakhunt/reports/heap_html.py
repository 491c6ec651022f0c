"""A heap as one page: suspects, types, and a browser of its dominator tree, however many objects that has.

All objects are in the page, in columns that are packed as in a heap file; its script unpacks them once and makes rows
only for what is opened.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from importlib import resources
from typing import Final

import numpy as np
from markupsafe import Markup

from leakhunt.model.heap import Column
from leakhunt.model.heap_view import Dominators, PackedTree, TypeRow
from leakhunt.reports.heap import suspect_lines
from leakhunt.reports.page import render_page
from leakhunt.reports.phrases import plain
from leakhunt.units import format_size

_TYPES: Final = 100
_LARGEST: Final = 0xFFFFFFFF
"""Sizes that do not fit into four bytes are told apart."""


def render(found: Dominators, types: Sequence[TypeRow], tree: PackedTree) -> str:
    """The page."""
    own_css, script = _template("heap.css"), _template("heap.js")
    columns = {"counts": tree.counts, "sizes": tree.sizes, "edges": tree.edges, "names": tree.names}
    return render_page(
        "heap.html.j2",
        summary=found.summary,
        suspects=[suspect_lines(rank, suspect) for rank, suspect in enumerate(found.suspects, start=1)],
        types=types[:_TYPES],
        size=format_size,
        own_css=own_css,
        own_css_digest=_digest(own_css),
        script=script,
        script_digest=_digest(script),
        columns={name: _packed(column) for name, column in columns.items()},
        words=_words(tree),
    )


def _template(name: str) -> Markup:
    return Markup(resources.files("leakhunt.reports").joinpath(f"templates/{name}").read_text("utf-8"))  # noqa: S704  # ours


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _packed(column: Column) -> Markup:
    """Four planes of bytes, the lowest first, deflated, in base 64, which needs no escape."""
    numbers = np.minimum(column, _LARGEST).astype("<u4")
    planes = np.ascontiguousarray(numbers.view(np.uint8).reshape(-1, 4).T)
    return Markup(base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode())  # noqa: S704  # letters and digits


def _words(tree: PackedTree) -> Markup:
    """Names, and sizes that are too large for their column; nothing in it can end the element that it stands in."""
    large = np.flatnonzero(tree.sizes > _LARGEST)
    words = {
        "edges": [plain(name) for name in tree.edge_names],
        "names": [plain(name) for name in tree.object_names],
        "large": {str(place): int(tree.sizes[place]) for place in large.tolist()},
    }
    text = json.dumps(words, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  # as told above
