"""Types of nodes that helpers of rules ask for, whatever rules are selected."""

from __future__ import annotations

import ast
from typing import Final

NEEDED: Final[frozenset[type[ast.AST]]] = frozenset((
    ast.AnnAssign, ast.Assign, ast.AsyncFunctionDef, ast.Attribute, ast.AugAssign, ast.Call, ast.ClassDef, ast.Compare,
    ast.Delete, ast.FunctionDef, ast.Return,
))  # fmt: skip
