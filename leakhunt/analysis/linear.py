"""Least squares for a handful of columns, by orthogonalisation. Pure Python: no array library is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from operator import mul
from typing import Final, TypeAlias

Vector: TypeAlias = tuple[float, ...]

_DEPENDENT: Final = 1e-9
"""Share of its squared length below which a column counts as a combination of the others."""


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Inner product of two vectors of equal length."""
    return float(sum(map(mul, a, b)))


def orthonormal(columns: Iterable[Sequence[float]]) -> tuple[Vector, ...]:
    """An orthonormal basis of the space the columns span; columns that add nothing are dropped.

    Modified Gram-Schmidt, each column twice, which is as accurate as Householder's method
    (Giraud, Langou and Rozloznik 2005, "twice is enough").
    """
    basis: list[Vector] = []
    for column in columns:
        rest = residual(residual(column, basis), basis)
        length = dot(rest, rest)
        if length > _DEPENDENT * dot(column, column):
            basis.append(tuple(value / sqrt(length) for value in rest))
    return tuple(basis)


def residual(vector: Sequence[float], basis: Sequence[Vector]) -> Vector:
    """What remains of `vector` once its projection on an orthonormal basis is taken away."""
    rest = tuple(vector)
    for direction in basis:
        share = dot(rest, direction)
        rest = tuple(value - share * unit for value, unit in zip(rest, direction, strict=True))
    return rest


def independent(rest: Sequence[float], column: Sequence[float]) -> bool:
    """Whether a column still says something of its own after the others have been taken out of it."""
    return dot(rest, rest) > _DEPENDENT * dot(column, column)
