"""What a rule is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from leakhunt.model.finding import Confidence, RuleNote, Severity
from leakhunt.scan.module import Module


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in one file, before it is known what other files say of it."""

    node: ast.AST
    message: str
    confidence: Confidence | None = None
    """None: that of the rule."""
    subject: str | None = None
    related: tuple[tuple[ast.AST, str], ...] = ()
    unless_emptied: str | None = None
    """Name of a container: the hit falls if any file takes something out of one called so."""
    unless_global: str | None = None
    """Full name of a class: the hit falls if some module makes an instance of it when it is imported."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of leak-prone code. `check` is called with every node of the types in `nodes`."""

    name: str
    title: str
    severity: Severity
    confidence: Confidence
    advice: str
    nodes: tuple[type[ast.AST], ...]
    check: Callable[[ast.AST, Module], Iterator[Hit]]
    in_commands: bool = False
    """Whether it also counts in programs that end, such as those of a command line."""

    @property
    def note(self) -> RuleNote:
        """What reports say of it."""
        return RuleNote(self.name, self.title, self.severity, self.confidence, self.advice)
