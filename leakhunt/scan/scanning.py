"""Look for what the rules describe: each file is parsed once and visited once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.model.finding import Finding, ScanProblem, ScanResult, Spot
from leakhunt.scan.base import Hit, Rule
from leakhunt.scan.containers import emptied
from leakhunt.scan.files import python_files
from leakhunt.scan.module import Module
from leakhunt.scan.needs import NEEDED
from leakhunt.scan.programs import is_command
from leakhunt.scan.read import Unreadable, read_module
from leakhunt.scan.singletons import made_at_import
from leakhunt.scan.suppress import is_suppressed, suppressions

_FIGURES: Final = 16


@dataclass(frozen=True, slots=True)
class _Found:
    """The hits of one file, with all that outlives its tree."""

    findings: tuple[tuple[Hit, Finding], ...]
    suppressed: int
    lines: int
    file: str
    emptied: frozenset[str]
    singletons: frozenset[str]


def scan(paths: Sequence[Path], rules: Sequence[Rule], *, exclude: Sequence[str] = (), below: Path) -> ScanResult:
    """What `rules` find in the Python files at or below `paths`; files are named as seen from `below`.

    Raises:
        UsageError: a path does not exist, or holds no Python at all.
    """
    wanted = frozenset(type_ for rule in rules for type_ in rule.nodes) | NEEDED
    found: list[_Found] = []
    problems: list[ScanProblem] = []
    for path in python_files(paths, exclude):
        name = _shown(path, below)
        try:
            found.append(_look(read_module(path, name, wanted), rules))
        except Unreadable as error:
            problems.append(ScanProblem(name, str(error)))
    if not found and not problems:
        raise UsageError("There is no Python file to look at.", "Tests, migrations and installed packages are skipped.")
    findings, suppressed = _settle(found)
    return ScanResult(
        findings=tuple(_numbered(findings)),
        files=len(found),
        lines=sum(each.lines for each in found),
        suppressed=suppressed,
        problems=tuple(problems),
        rules=tuple(rule.note for rule in rules),
    )


def look(module: Module, rules: Iterable[Rule]) -> Iterator[tuple[Rule, Hit]]:
    """All hits of `rules` in one file."""
    ends = is_command(module.file)
    for rule in rules:
        if ends and not rule.in_commands:
            continue
        for node in module.nodes(*rule.nodes):
            for hit in rule.check(node, module):
                yield rule, hit


def _look(module: Module, rules: Iterable[Rule]) -> _Found:
    hits = [(hit, _finding(rule, hit, module)) for rule, hit in look(module, rules)]
    comments = suppressions(module.lines) if hits else {}
    kept = [
        (hit, finding)
        for hit, finding in hits
        if not is_suppressed(finding.rule, finding.line, finding.end_line, comments)
    ]
    kept.sort(key=lambda each: (each[1].line, each[1].column, each[1].rule))
    return _Found(
        findings=tuple(kept),
        suppressed=len(hits) - len(kept),
        lines=len(module.lines),
        file=module.file,
        emptied=emptied(module),
        singletons=made_at_import(module),
    )


def _settle(found: Sequence[_Found]) -> tuple[list[Finding], int]:
    """Let hits fall that other files speak against."""
    everywhere = frozenset[str]().union(*(each.emptied for each in found)) if found else frozenset[str]()
    singletons = frozenset[str]().union(*(each.singletons for each in found)) if found else frozenset[str]()
    findings = []
    for each in found:
        for hit, finding in each.findings:
            name = hit.unless_emptied
            public = name is not None and not name.startswith("_")
            if name in each.emptied or (public and name in everywhere):
                continue
            if hit.unless_global is None or hit.unless_global not in singletons:
                findings.append(finding)
    return findings, sum(each.suppressed for each in found)


def _finding(rule: Rule, hit: Hit, module: Module) -> Finding:
    line = getattr(hit.node, "lineno", 1)
    return Finding(
        rule=rule.name,
        message=hit.message,
        file=module.file,
        line=line,
        column=_column(module.lines[line - 1], getattr(hit.node, "col_offset", 0)),
        end_line=getattr(hit.node, "end_lineno", None) or line,
        function=module.qualified(hit.node),
        source=module.lines[line - 1].strip(),
        severity=rule.severity,
        confidence=hit.confidence or rule.confidence,
        fingerprint="",
        subject=hit.subject,
        related=tuple(Spot(module.file, getattr(node, "lineno", 1), message) for node, message in hit.related),
    )


def _column(line: str, offset: int) -> int:
    """From 1, in characters: `ast` counts bytes of UTF-8."""
    return len(line.encode()[:offset].decode(errors="ignore")) + 1


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """With fingerprints: of rule, file, function and line, and a count of those that are alike in all of them."""
    alike: Counter[str] = Counter()
    for finding in findings:
        text = "\n".join((finding.rule, finding.file, finding.function, re.sub(r"\s+", " ", finding.source)))
        alike[text] += 1
        digest = sha1(f"{text}\n{alike[text]}".encode(errors="backslashreplace"), usedforsecurity=False).hexdigest()
        yield replace(finding, fingerprint=digest[:_FIGURES])


def _shown(path: Path, below: Path) -> str:
    path = path.absolute()
    return (path.relative_to(below) if path.is_relative_to(below) else path).as_posix()
