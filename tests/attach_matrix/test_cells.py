"""The whole matrix. What was measured on these sources is not measured again."""

from __future__ import annotations

import pytest

from attach_matrix.__main__ import cells
from attach_matrix.cells import Cell
from attach_matrix.rows import row_of


@pytest.mark.slow
@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_every_attach_is_answered_every_request_marked_and_none_fails(cell: Cell) -> None:
    row = row_of(cell)
    assert row.passed or not row.installable, row
