"""One file of source, read and visited once: what rules ask their questions of."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from leakhunt.scan.names import FUNCTIONS, SCOPES, Binding, FunctionDef, Scope, ScopeNode, Visit

_BUILTINS: Final = frozenset(vars(builtins))
_STEPS: Final = 8
"""How many assignments a value is followed back through."""


@dataclass(slots=True, eq=False)
class Module:
    """A parsed file with its scopes."""

    file: str
    name: str
    """Dotted, as far as packages above it show."""
    lines: list[str]
    tree: ast.Module
    visit: Visit
    names: dict[ast.AST, str | None] = field(default_factory=dict)
    """Full names of what calls call, as far as they were asked for."""
    once: dict[ast.AST, bool] = field(default_factory=dict)
    """Functions that seem to run when the app starts, or not, as far as that was asked."""
    memory: dict[str, object] = field(default_factory=dict)
    """What helpers found out about the whole file, so that it is found out once."""

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around `node`."""
        return self.visit.parents.get(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around `node`, the nearest first."""
        parent = self.visit.parents.get(node)
        while parent is not None:
            yield parent
            parent = self.visit.parents.get(parent)

    def scope_of(self, node: ast.AST) -> Scope:
        """The scope that the names in `node` are looked up in; decorators and defaults are outside their function."""
        known = self.visit.where.get(node)
        if known is not None:
            return known
        child = node
        for parent in self.around(node):
            if isinstance(parent, SCOPES) and not _outside(child, parent):
                return self.visit.scopes[parent]
            child = parent
        return self.visit.scopes[self.tree]

    def function_of(self, node: ast.AST) -> FunctionDef | None:
        """The innermost function that `node` is in the body of; lambdas belong to what is around them."""
        scope: Scope | None = self.scope_of(node)
        while scope is not None:
            if isinstance(scope.node, FUNCTIONS):
                return scope.node
            scope = scope.parent
        return None

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class whose body or method `node` is in."""
        return next((parent for parent in self.around(node) if isinstance(parent, ast.ClassDef)), None)

    def method_class(self, function: ast.AST) -> ast.ClassDef | None:
        """The class that `function` is a method of."""
        parent = self.parent(function)
        while isinstance(parent, (ast.If, ast.Try)):
            parent = self.parent(parent)
        return parent if isinstance(parent, ast.ClassDef) else None

    def statement_of(self, node: ast.AST) -> ast.AST:
        """The statement that `node` is in, or `node` itself."""
        if isinstance(node, ast.stmt):
            return node
        return next((parent for parent in self.around(node) if isinstance(parent, ast.stmt)), node)

    def qualified(self, node: ast.AST) -> str:
        """`Class.method` that `node` stands in; `<module>` outside of all."""
        around = [node, *self.around(node)]
        names = [each.name for each in around if isinstance(each, (ast.ClassDef, *FUNCTIONS))]
        return ".".join(reversed(names)) or "<module>"

    def nodes(self, *types: type[ast.AST]) -> list[ast.AST]:
        """All nodes of these types, which have to be among the `wanted` ones."""
        return [node for type_ in types for node in self.visit.nodes.get(type_, ())]

    def bindings(self, name: ast.Name) -> list[Binding]:
        """All that gives this name a meaning."""
        found = self.scope_of(name).find(name.id)
        return found[1] if found else []

    def resolve(self, node: ast.AST | None) -> str | None:
        """The full name that an expression like `a.b.c` stands for.

        `functools.lru_cache` for what is imported, `mysite.views.helper` for what the module defines, `open` for a
        builtin; None for what is a value of a variable.
        """
        tail: list[str] = []
        while isinstance(node, ast.Attribute):
            tail.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        head = self._resolve_name(node)
        return None if head is None else ".".join([head, *reversed(tail)])

    def called(self, node: ast.AST | None) -> str | None:
        """The full name of what a call calls."""
        if not isinstance(node, ast.Call):
            return None
        if node not in self.names:
            self.names[node] = self.resolve(node.func)
        return self.names[node]

    def values(self, name: ast.Name) -> Iterator[ast.expr]:
        """What is assigned to this name anywhere in its scope; what a `with` enters counts."""
        for binding in self.bindings(name):
            if binding.kind in {"assign", "with"} and binding.value is not None:
                yield binding.value

    def traced(self, node: ast.expr) -> Iterator[ast.expr]:
        """All expressions that a value may be made of: parts of `node`, and what the names in it were assigned."""
        seen: set[str] = set()
        waiting = [(node, _STEPS)]
        while waiting:
            start, steps = waiting.pop()
            for part in ast.walk(start):
                if not isinstance(part, ast.expr):
                    continue
                yield part
                if isinstance(part, ast.Name) and part.id not in seen and steps:
                    seen.add(part.id)
                    waiting.extend(
                        (binding.value, steps - 1)
                        for binding in self.bindings(part)
                        if binding.value is not None and binding.kind != "parameter"
                    )

    def _resolve_name(self, node: ast.Name) -> str | None:
        found = self.scope_of(node).find(node.id)
        if found is None:
            return node.id if node.id in _BUILTINS else None
        scope, bindings = found
        for binding in bindings:
            if binding.kind == "import":
                return binding.imported
        defined = bindings[-1].kind in {"function", "class"}
        if not defined or not isinstance(scope.node, ast.Module):
            return None
        return f"{self.name}.{node.id}"


def _outside(child: ast.AST, scope: ScopeNode) -> bool:
    """Whether `child` is a part of a function or class that Python evaluates outside of it."""
    if isinstance(scope, FUNCTIONS):
        return child not in scope.body and child is not scope.args
    return isinstance(scope, ast.ClassDef) and child not in scope.body
