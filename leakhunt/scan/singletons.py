"""Objects that live as long as the process: made when their module is imported."""

from __future__ import annotations

import ast

from leakhunt.scan.module import Module


def made_at_import(module: Module) -> frozenset[str]:
    """Full names of the classes, or functions, whose results modules hold from their import on."""
    found = set()
    for statement in module.tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call):
            name = module.called(statement.value)
            if name is not None:
                found.add(name)
    return frozenset(found)
