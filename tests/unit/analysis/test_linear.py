"""Orthogonalisation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.analysis.linear import dot, orthonormal, residual

COLUMNS = st.lists(st.lists(st.integers(-1000, 1000), min_size=6, max_size=6), min_size=1, max_size=4)


def test_a_column_that_others_tell_already_is_dropped() -> None:
    assert len(orthonormal([[1, 1, 1], [1, 2, 3], [3, 4, 5]])) == 2


@given(COLUMNS)
def test_the_basis_is_orthonormal(columns: list[list[int]]) -> None:
    basis = orthonormal(columns)
    for i, a in enumerate(basis):
        for j, b in enumerate(basis):
            assert dot(a, b) == pytest.approx(float(i == j), abs=1e-6)


@given(COLUMNS)
def test_nothing_of_a_column_is_left_once_it_is_in_the_basis(columns: list[list[int]]) -> None:
    basis = orthonormal(columns)
    for column in columns:
        rest = residual(column, basis)
        assert dot(rest, rest) <= 1e-8 * max(1.0, dot(column, column))
