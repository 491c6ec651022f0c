"""Scopes: which names a module, class or function binds, and to what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

FunctionDef: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"
ScopeNode: TypeAlias = "ast.Module | ast.ClassDef | FunctionDef | ast.Lambda"
SCOPES: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS: Final = (ast.For, ast.AsyncFor, ast.comprehension)

_LEAF_FIELDS: Final = frozenset(
    ("ctx", "op", "ops", "type_ignores", "type_comment", "kind", "id", "attr", "arg", "name", "module", "level")
)
_WITHOUT: Final = (ast.Constant, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
_CHILDREN: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    node: ()
    if issubclass(node, _WITHOUT)
    else tuple(sorted((name for name in node._fields if name not in _LEAF_FIELDS), key=lambda name: name == "body"))
    for node in vars(ast).values()
    if isinstance(node, type) and issubclass(node, ast.AST)
}
"""Fields that hold nodes, the body last."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One place that gives a name a meaning."""

    kind: str
    """`import`, `parameter`, `assign`, `part` (unpacked), `augment`, `loop`, `with`, `function`, `class`, `except`."""
    node: ast.AST
    value: ast.expr | None = None
    """What is assigned, iterated or entered; the default of a parameter."""
    imported: str = ""
    """Full name of what is imported."""


@dataclass(slots=True, eq=False)
class Scope:
    """What one module, class or function binds."""

    node: ScopeNode
    parent: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Names declared global or nonlocal."""

    def bind(self, name: str, binding: Binding) -> None:
        """Note a meaning of `name`, here or where it is declared to be."""
        scope: Scope = self
        if name in self.elsewhere:
            scope = self.parent or self
            while scope.parent is not None and name not in scope.names:
                scope = scope.parent
        scope.names.setdefault(name, []).append(binding)

    def find(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """Where `name` is bound as seen from here, as Python looks it up: classes are no scope for what is inside."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            found = scope.names.get(name)
            if found and (first or not isinstance(scope.node, ast.ClassDef)):
                return scope, found
            first = False
            scope = scope.parent
        return None


class Visit:
    """One visit of all nodes of a tree: parents, scopes, and the nodes of the types that rules ask for."""

    def __init__(self, tree: ast.Module, module: str, wanted: frozenset[type[ast.AST]]) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scopes: dict[ast.AST, Scope] = {tree: Scope(tree, None)}
        self.where: dict[ast.AST, Scope] = {}
        """The scope that each name and each wanted node is evaluated in."""
        self.nodes: dict[type[ast.AST], list[ast.AST]] = {type_: [] for type_ in wanted}
        self._module = module
        self._walk(tree)

    def _walk(self, tree: ast.Module) -> None:
        stack: list[tuple[ast.AST, Scope]] = [(tree, self.scopes[tree])]
        parents, nodes, where = self.parents, self.nodes, self.where
        while stack:
            node, scope = stack.pop()
            type_ = type(node)
            if type_ in nodes:
                nodes[type_].append(node)
                where[node] = scope
            elif type_ is ast.Name:
                where[node] = scope
                continue
            body = self._bind(node, scope) if type_ in _BINDERS else scope
            below = []
            for name in _CHILDREN[type_]:
                value = getattr(node, name, None)
                if name == "body":  # only this is inside: decorators and defaults are not
                    scope = body
                if value.__class__ is list:
                    for child in value:
                        if isinstance(child, ast.AST):
                            parents[child] = node
                            below.append((child, scope))
                elif isinstance(value, ast.AST):
                    parents[value] = node
                    below.append((value, scope))
            stack.extend(reversed(below))

    def _bind(self, node: ast.AST, scope: Scope) -> Scope:
        if isinstance(node, SCOPES[1:]):
            return self._enter(node, scope)
        for name, binding in _bindings(node, self._module):
            scope.bind(name, binding)
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.elsewhere.update(node.names)
        return scope

    def _enter(self, node: ast.ClassDef | FunctionDef | ast.Lambda, scope: Scope) -> Scope:
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name, Binding("class" if isinstance(node, ast.ClassDef) else "function", node))
        inner = self.scopes[node] = Scope(node, scope)
        if not isinstance(node, ast.ClassDef):
            for argument, default in parameters(node.args):
                inner.bind(argument.arg, Binding("parameter", argument, default))
        return inner


def parameters(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """All parameters with their defaults."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    yield from zip(positional, [None] * missing + list(arguments.defaults), strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from ((argument, None) for argument in (arguments.vararg, arguments.kwarg) if argument is not None)


def _bindings(node: ast.AST, module: str) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, Binding("assign", node, node.value))
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        yield from _targets(node.target, Binding("assign", node, node.value))
    elif isinstance(node, ast.AugAssign):
        yield from _targets(node.target, Binding("augment", node, node.value))
    elif isinstance(node, LOOPS):
        yield from _targets(node.target, Binding("loop", node, node.iter))
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _targets(node.optional_vars, Binding("with", node, node.context_expr))
    elif isinstance(node, ast.ExceptHandler) and node.name is not None:
        yield node.name, Binding("except", node)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _imports(node, module)


def _targets(target: ast.expr, binding: Binding) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, binding
    elif isinstance(target, (ast.Tuple, ast.List)):
        kind = binding.kind if binding.kind == "loop" else "part"
        for part in target.elts:
            yield from _targets(part, Binding(kind, binding.node, binding.value))
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, Binding("part", binding.node, binding.value))


def _imports(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            yield alias.asname or first, Binding("import", node, imported=alias.name if alias.asname else first)
        return
    package = module.split(".")[: -node.level] if node.level else []
    origin = ".".join([*package, *([node.module] if node.module else [])])
    for alias in node.names:
        yield alias.asname or alias.name, Binding("import", node, imported=f"{origin}.{alias.name}")


_BINDERS: Final = frozenset((
    *SCOPES[1:], *LOOPS, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.withitem, ast.ExceptHandler,
    ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal,
))  # fmt: skip
