"""Rows that were measured on these sources, kept in `.cache`: a run goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Final

from attach_matrix.cells import Cell, Row, from_row, measure, to_row
from conftest import ROOT, find_attachable

CACHE: Final = ROOT / ".cache/attach-matrix"
_SOURCES: Final = (
    *("leakhunt/agent/**/*.py", "leakhunt/targets/inject/*.py", "tests/live_server.py"),
    *("tests/attach_matrix/cells.py", "tests/attach_matrix/servers.py"),
)
"""What decides on how an attach goes."""


def row_of(cell: Cell) -> Row:
    """What came of a cell: measured now, unless it has been on these sources."""
    file = _file(cell)
    if file.exists():
        return to_row(json.loads(file.read_text(encoding="utf-8")))
    row = measure(cell, find_attachable()[cell.python], CACHE / "packages")
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps(from_row(row)), encoding="utf-8")
    half.rename(file)
    return row


def known() -> tuple[Row, ...]:
    """All that were measured on these sources."""
    files = sorted((CACHE / "rows" / _digest()).glob("*.json"))
    return tuple(to_row(json.loads(file.read_text(encoding="utf-8"))) for file in files)


def _file(cell: Cell) -> Path:
    name = "".join(char if char.isalnum() or char == "." else "-" for char in str(cell))
    return CACHE / "rows" / _digest() / f"{name}.json"


@cache
def _digest() -> str:
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
