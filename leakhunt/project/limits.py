"""`[tool.leakhunt.budgets]`: what a project accepts of its routes."""

from __future__ import annotations

from typing import Final

from leakhunt.model.budget import Budget, parse_budget
from leakhunt.model.gate import Budgets, Limits
from leakhunt.units import Bytes, parse_size
from leakhunt.workload.table import Table

_OF_ROUTES: Final = ("growth", "peak", "amplification", "threads", "descriptors", "files", "new-types")
_OF_APP: Final = (*_OF_ROUTES, "memory")
_MOST: Final = 1e6
"""Of what is counted: no request leaves more behind, and no upload is copied more often."""


def read_budgets(table: Table, key: str = "budgets") -> Budgets:
    """The limits for all routes, and the tables of those that have their own.

    Raises:
        ConfigError: a limit is none.
    """
    every = table.table(key)
    if every is None:
        return Budgets()
    routes = {name: every.table(name) for name, value in every.items() if isinstance(value, dict)}
    every.only(*_OF_APP, *routes)
    return Budgets(
        _limits(every),
        {name: _limits_of_route(name, every, found) for name, found in routes.items() if found is not None},
    )


def _limits_of_route(name: str, every: Table, table: Table) -> Limits:
    if " /" not in name:
        raise every.error(name, "is no route", 'write it as reports do: [tool.leakhunt.budgets."POST /upload"]')
    if "memory" in table:
        raise table.error("memory", "is a limit of all routes together", "put memory into [tool.leakhunt.budgets]")
    table.only(*_OF_ROUTES)
    return _limits(table)


def _limits(table: Table) -> Limits:
    return Limits(
        growth=read_budget(table, "growth"),
        peak=_size(table, "peak"),
        amplification=_number(table, "amplification"),
        memory=_size(table, "memory"),
        threads=_number(table, "threads"),
        descriptors=_number(table, "descriptors"),
        files=_number(table, "files"),
        new_types=_number(table, "new-types"),
    )


def read_budget(table: Table, key: str) -> Budget | None:
    """A growth per request, or per time at a rate."""
    text = table.text(key)
    try:
        return None if text is None else parse_budget(text)
    except ValueError as error:
        reason, _, hint = str(error).partition("; ")
        raise table.error(key, reason, hint) from error


def _size(table: Table, key: str) -> Bytes | None:
    value = table.raw(key)
    if value is None:
        return None
    example = f'write for example {key} = "20MB"'
    if type(value) is not int and not isinstance(value, str):
        raise table.error(key, "is no size", example)
    try:
        size = value if isinstance(value, int) else parse_size(value)
    except (ValueError, OverflowError) as error:
        raise table.error(key, "is no size", example) from error
    if size <= 0:
        raise table.error(key, "must be more than nothing", example)
    return size


def _number(table: Table, key: str) -> float | None:
    return table.number(key, 1.0, most=_MOST) if key in table else None
